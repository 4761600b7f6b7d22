/** The VS Code extension: starts the language server, and puts ctx's commands and the plan's panel into the editor. */
import * as vscode from "vscode";
import { PlanPanels } from "./plan_panel.ts";
import { Server } from "./server.ts";
import { savedRecipe } from "./surroundings.ts";
import { startTask, taskProvider } from "./tasks.ts";

let server: Server | undefined;

/** Called by VS Code when the first recipe is opened. */
export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel("ctx", { log: true });
  const panels = new PlanPanels(context, log);
  server = new Server(context, log);
  const running = server;

  /** A command on the recipe that is shown, saved first: programs read what is on the disk. */
  const onRecipe = (name: string, action: (recipe: vscode.Uri) => unknown) =>
    vscode.commands.registerCommand(name, async (given?: unknown) => {
      const recipe = await savedRecipe(given);
      if (recipe) await action(recipe);
    });

  context.subscriptions.push(
    log,
    onRecipe("ctx.check", (recipe) => startTask(context, "check", recipe)),
    onRecipe("ctx.run", (recipe) => startTask(context, "run", recipe)),
    onRecipe("ctx.plan", (recipe) => panels.show(recipe)),
    vscode.commands.registerCommand("ctx.restartServer", () => running.restart()),
    vscode.commands.registerCommand("ctx.showLog", () => log.show()),
    vscode.tasks.registerTaskProvider("ctx", taskProvider(context)),
    vscode.workspace.onDidGrantWorkspaceTrust(() => running.restart()),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("ctx.path")) void running.restart();
    }),
  );
  // Not waited for: the commands do without a server.
  void running.start();
}

/** Called by VS Code before it ends. */
export async function deactivate(): Promise<void> {
  await server?.stop();
}
