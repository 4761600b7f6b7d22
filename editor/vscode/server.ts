import * as vscode from "vscode";
import { LanguageClient, type ServerOptions, TransportKind } from "vscode-languageclient/node";
import { programFor } from "./surroundings.ts";

/**
 * The language server: the one of `ctx.path` where that is set and trusted, so that its version is the one that runs recipes, else the
 * one that comes with the extension.
 */
export class Server {
  private client: LanguageClient | undefined;
  /** Starts and stops one after the other. */
  private turn: Promise<void> = Promise.resolve();

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly log: vscode.LogOutputChannel,
  ) {}

  start(): Promise<void> {
    return this.next(() => this.launch());
  }

  restart(): Promise<void> {
    return this.next(async () => {
      await this.end();
      await this.launch();
    });
  }

  stop(): Promise<void> {
    return this.next(() => this.end());
  }

  private next(work: () => Promise<void>): Promise<void> {
    this.turn = this.turn.then(work, work);
    return this.turn;
  }

  private async launch(): Promise<void> {
    try {
      this.client = new LanguageClient("ctx", "ctx", this.options(), {
        documentSelector: [
          { language: "ctx", scheme: "file" },
          { language: "ctx", scheme: "untitled" },
        ],
        outputChannel: this.log,
      });
      await this.client.start();
    } catch (error) {
      await this.end();
      const message = error instanceof Error ? error.message : String(error);
      this.log.error(`The language server did not start: ${message}`);
      // Not waited for: the message stands until somebody closes it.
      void this.tell(message);
    }
  }

  private async end(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    // One that has crashed has nothing left to stop.
    await client?.dispose().catch((error: unknown) => this.log.warn(String(error)));
  }

  /** @throws Error where `ctx.path` names what is not there */
  private options(): ServerOptions {
    const path = vscode.workspace.getConfiguration("ctx").get<string>("path", "").trim();
    if (path === "" || !vscode.workspace.isTrusted) {
      const module = vscode.Uri.joinPath(this.context.extensionUri, "program.mjs").fsPath;
      return { module, args: ["lsp"], transport: TransportKind.stdio };
    }
    const { command, args, env } = programFor(this.context, undefined);
    return { command, args: [...args, "lsp", "--stdio"], options: { env: { ...process.env, ...env } } };
  }

  private async tell(message: string): Promise<void> {
    const chosen = await vscode.window.showErrorMessage(
      `The ctx language server did not start, so nothing is checked while you write: ${message}`,
      "Show Log",
      "Set ctx.path",
    );
    if (chosen === "Show Log") this.log.show();
    if (chosen === "Set ctx.path") await vscode.commands.executeCommand("workbench.action.openSettings", "ctx.path");
  }
}
