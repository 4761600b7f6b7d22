import { randomBytes } from "node:crypto";
import { basename, resolve } from "node:path";
import * as vscode from "vscode";
import { makePlan, type Planned } from "./make_plan.ts";
import { placeOf, programFor } from "./surroundings.ts";
import { panelBody, panelPage } from "./webview.ts";

/** Type of the panels, also of those that come back with the window. */
export const PANEL_TYPE = "ctx.plan";

/** The plans of recipes beside their texts: one panel for each recipe, planned anew whenever a recipe is saved. */
export class PlanPanels implements vscode.WebviewPanelSerializer {
  private readonly panels = new Map<string, PlanPanel>();

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly log: vscode.LogOutputChannel,
  ) {
    context.subscriptions.push(
      vscode.window.registerWebviewPanelSerializer(PANEL_TYPE, this),
      // A recipe may import the one that was saved, so all are planned anew.
      vscode.workspace.onDidSaveTextDocument(({ languageId }) => {
        if (languageId === "ctx") this.refresh();
      }),
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration("ctx.path") || change.affectsConfiguration("ctx.plan")) this.refresh();
      }),
    );
  }

  show(recipe: vscode.Uri): void {
    const shown = this.panels.get(recipe.toString());
    if (shown) {
      shown.panel.reveal(undefined, true);
      shown.refresh();
      return;
    }
    const column = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
    this.adopt(vscode.window.createWebviewPanel(PANEL_TYPE, `Plan of ${basename(recipe.path)}`, column), recipe);
  }

  /** A panel of the window's last time. */
  async deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    const recipe = (state as { recipe?: unknown } | null)?.recipe;
    if (typeof recipe === "string") this.adopt(panel, vscode.Uri.parse(recipe));
    else panel.dispose();
  }

  private adopt(panel: vscode.WebviewPanel, recipe: vscode.Uri): void {
    const key = recipe.toString();
    this.panels.set(key, new PlanPanel(this.context, this.log, panel, recipe));
    panel.onDidDispose(() => this.panels.delete(key));
  }

  private refresh(): void {
    for (const each of this.panels.values()) each.refresh();
  }
}

/** One recipe's plan. */
class PlanPanel {
  /** The planning under way; a newer one puts an end to it. */
  private planning: AbortController | undefined;
  private last: Planned | undefined;
  private body = "<p>Planning …</p>";

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly log: vscode.LogOutputChannel,
    readonly panel: vscode.WebviewPanel,
    private readonly recipe: vscode.Uri,
  ) {
    const { webview } = panel;
    webview.options = { enableScripts: true, localResourceRoots: [context.extensionUri] };
    webview.onDidReceiveMessage((message: unknown) => this.answer(message as Record<string, unknown>));
    panel.iconPath = vscode.Uri.joinPath(context.extensionUri, "icon.png");
    panel.onDidDispose(() => this.planning?.abort());
    webview.html = panelPage({
      nonce: randomBytes(16).toString("hex"),
      script: webview.asWebviewUri(vscode.Uri.joinPath(context.extensionUri, "panel.js")).toString(),
      recipe: recipe.toString(),
    });
    this.refresh();
  }

  refresh(): void {
    this.planning?.abort();
    const planning = new AbortController();
    this.planning = planning;
    void this.plan(planning.signal).then((latest) => {
      if (planning.signal.aborted) return;
      if ("fault" in latest) this.log.warn(latest.fault);
      this.send(latest);
      // The last plan stays for as long as there is no newer one.
      if ("plan" in latest || this.last === undefined) this.last = latest;
    });
  }

  private async plan(signal: AbortSignal): Promise<Planned> {
    try {
      const settings = vscode.workspace
        .getConfiguration("ctx.plan", this.recipe)
        .get<Record<string, unknown>>("set", {});
      return await makePlan(programFor(this.context, this.recipe), placeOf(this.recipe), settings, signal);
    } catch (error) {
      return { fault: (error as Error).message };
    }
  }

  private send(latest: Planned): void {
    this.body = panelBody(latest, this.last);
    void this.panel.webview.postMessage({ type: "body", html: this.body });
  }

  private answer({ type, file, line, character }: Record<string, unknown>): void {
    // A panel that was hidden loses its contents, and asks for them when it is shown again.
    if (type === "ready") void this.panel.webview.postMessage({ type: "body", html: this.body });
    if (type === "place" && typeof file === "string" && typeof line === "number" && typeof character === "number")
      this.lead(file, new vscode.Position(line, character));
  }

  /** Shows where the recipe says what was clicked on. Names of files are seen from where the program was started. */
  private lead(file: string, at: vscode.Position): void {
    const shown = vscode.window.visibleTextEditors.find(
      ({ document }) => document.uri.toString() === this.recipe.toString(),
    );
    void vscode.window.showTextDocument(vscode.Uri.file(resolve(placeOf(this.recipe).folder, file)), {
      viewColumn: shown?.viewColumn ?? vscode.ViewColumn.One,
      selection: new vscode.Range(at, at),
    });
  }
}
