import { type ChildProcess, spawn } from "node:child_process";
import {
  createMessageConnection,
  type MessageConnection,
  StreamMessageReader,
  StreamMessageWriter,
} from "vscode-jsonrpc/node";
import type { EditorDiagnostic, Position, Range } from "../../editor/service/index.ts";

interface Change {
  readonly range: Range;
  readonly text: string;
}

interface Published {
  readonly version: number | undefined;
  readonly diagnostics: readonly EditorDiagnostic[];
}

/** `ctx lsp --stdio` as an editor runs it. */
export class Editor {
  readonly connection: MessageConnection;
  readonly #process: ChildProcess;
  readonly #versions = new Map<string, number>();
  readonly #published = new Map<string, Published[]>();
  readonly #waiting = new Set<() => void>();
  #stderr = "";

  constructor(folder: string) {
    this.#process = spawn(process.execPath, [`${process.cwd()}/dist/cli/ctx.js`, "lsp", "--stdio"], { cwd: folder });
    this.#process.stderr!.on("data", (text) => {
      this.#stderr += text;
    });
    this.connection = createMessageConnection(
      new StreamMessageReader(this.#process.stdout!),
      new StreamMessageWriter(this.#process.stdin!),
    );
    this.connection.onNotification("textDocument/publishDiagnostics", ({ uri, version, diagnostics }) => {
      this.#published.set(uri, [...(this.#published.get(uri) ?? []), { version, diagnostics }]);
      for (const look of this.#waiting) look();
    });
    this.connection.onRequest("client/registerCapability", () => null);
    this.connection.onRequest("workspace/inlayHint/refresh", () => null);
    this.connection.listen();
  }

  async start(rootUri: string, capabilities: object = {}): Promise<{ capabilities: Record<string, unknown> }> {
    const answer = await this.ask("initialize", { processId: process.pid, rootUri, capabilities });
    await this.connection.sendNotification("initialized", {});
    return answer as { capabilities: Record<string, unknown> };
  }

  ask(method: string, params?: unknown): Promise<unknown> {
    return this.connection.sendRequest(method, params);
  }

  /** Asks about a place of a document. */
  at(method: string, uri: string, position: Position, more: object = {}): Promise<unknown> {
    return this.ask(`textDocument/${method}`, { textDocument: { uri }, position, ...more });
  }

  tell(method: string, params: unknown): Promise<void> {
    return this.connection.sendNotification(method, params);
  }

  open(uri: string, text: string): Promise<void> {
    this.#versions.set(uri, 1);
    return this.tell("textDocument/didOpen", { textDocument: { uri, languageId: "ctx", version: 1, text } });
  }

  change(uri: string, contentChanges: readonly Change[]): Promise<void> {
    const version = this.#versions.get(uri)! + 1;
    this.#versions.set(uri, version);
    return this.tell("textDocument/didChange", { textDocument: { uri, version }, contentChanges });
  }

  close(uri: string): Promise<void> {
    this.#published.delete(uri);
    return this.tell("textDocument/didClose", { textDocument: { uri } });
  }

  /** The diagnostics of the newest version, once they fulfil a condition. */
  async diagnostics(
    uri: string,
    wanted: (list: readonly EditorDiagnostic[]) => boolean = () => true,
  ): Promise<readonly EditorDiagnostic[]> {
    const version = this.#versions.get(uri);
    const found = () => {
      const last = this.#published.get(uri)?.at(-1);
      return last && (last.version === undefined || last.version === version) && wanted(last.diagnostics)
        ? last
        : undefined;
    };
    for (let at = found(); ; at = found()) {
      if (at) return at.diagnostics;
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => {
          const last = JSON.stringify(this.#published.get(uri)?.at(-1));
          reject(new Error(`no such diagnostics of ${uri} version ${version}; the last are ${last}\n${this.#stderr}`));
        }, 120_000);
        const look = () => {
          clearTimeout(timer);
          this.#waiting.delete(look);
          resolve();
        };
        this.#waiting.add(look);
      });
    }
  }

  /** Ends the server as editors do. @returns its exit status and what it wrote to stderr */
  async end(): Promise<{ status: number | null; stderr: string }> {
    const ended = new Promise<number | null>((resolve) => this.#process.on("exit", resolve));
    await this.ask("shutdown");
    await this.tell("exit", undefined);
    const status = await ended;
    this.connection.dispose();
    return { status, stderr: this.#stderr };
  }
}
