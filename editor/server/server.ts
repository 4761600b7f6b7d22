import {
  type CancellationToken,
  type Connection,
  createConnection,
  type Diagnostic,
  DidChangeWatchedFilesNotification,
  ErrorCodes,
  FileChangeType,
  type InitializeParams,
  LSPErrorCodes,
  MessageType,
  type Position,
  ProposedFeatures,
  type Range,
  ResponseError,
  ShowMessageNotification,
  type WorkspaceFolder,
} from "vscode-languageserver/node";
import type { Host } from "../../compiler/host.ts";
import * as service from "../service/index.ts";
import { capabilities } from "./capabilities.ts";
import { fileOf } from "./paths.ts";
import { Session } from "./session.ts";
import { FolderWatcher } from "./watcher.ts";

export interface ServerOptions {
  readonly disk: Host;
  readonly version: string;
  /** Address of a diagnostic's page. */
  readonly page: (code: string) => string | undefined;
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
}

/** Files whose changes may change what a recipe means. */
const watched = ["**/*.ctx", "**/*.json", "**/*.{jsonl,zst,parquet,txt,md}"];

/** Speaks the language server protocol until the editor says goodbye; then the process ends. */
export function startServer(options: ServerOptions): void {
  const connection = createConnection(ProposedFeatures.all, options.input, options.output);
  // What goes wrong in one answer is no reason to leave the editor alone.
  process.on("unhandledRejection", (error) => connection.console.error(String(error)));
  new Server(connection, options).listen();
}

interface Features {
  readonly watches: boolean;
  readonly refreshesHints: boolean;
  readonly refreshesLenses: boolean;
}

class Server {
  readonly #session: Session;
  #folders: WorkspaceFolder[] = [];
  #features: Features = { watches: false, refreshesHints: false, refreshesLenses: false };
  #watcher: FolderWatcher | undefined;

  constructor(
    readonly connection: Connection,
    readonly options: ServerOptions,
  ) {
    const log = (error: unknown) =>
      connection.console.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
    this.#session = new Session({
      disk: options.disk,
      page: options.page,
      client: {
        publish: (uri, version, diagnostics) => {
          const params = { uri, ...(version !== undefined && { version }), diagnostics: diagnostics as never[] };
          connection.sendDiagnostics(params).catch(log);
          this.#watcher?.follow(this.#session.files);
        },
        refresh: () => {
          if (this.#features.refreshesHints) connection.languages.inlayHint.refresh().catch(log);
          if (this.#features.refreshesLenses) connection.sendRequest("workspace/codeLens/refresh").catch(log);
        },
        // Told, not asked: an answer that some editors refuse is not needed.
        warn: (message) =>
          connection.sendNotification(ShowMessageNotification.type, { type: MessageType.Warning, message }).catch(log),
        fail: log,
      },
    });
  }

  listen(): void {
    const { connection, options } = this;
    connection.onInitialize((params) => {
      this.#initialize(params);
      return { capabilities, serverInfo: { name: "ctx", version: options.version } };
    });
    connection.onInitialized(() => this.#watch());
    connection.onShutdown(() => this.#watcher?.close());
    this.#documents();
    this.#requests();
    connection.listen();
  }

  #initialize({ capabilities: client, workspaceFolders, rootUri }: InitializeParams): void {
    this.#folders = workspaceFolders ?? (rootUri ? [{ uri: rootUri, name: "" }] : []);
    const [first] = this.#folders;
    if (first) this.#session.home = fileOf(first.uri, this.#session.home);
    this.#session.snippets = client.textDocument?.completion?.completionItem?.snippetSupport === true;
    this.#features = {
      watches: client.workspace?.didChangeWatchedFiles?.dynamicRegistration === true,
      refreshesHints: client.workspace?.inlayHint?.refreshSupport === true,
      refreshesLenses: client.workspace?.codeLens?.refreshSupport === true,
    };
  }

  #watch(): void {
    if (this.#features.watches) {
      const watchers = watched.map((globPattern) => ({ globPattern }));
      this.connection.client
        .register(DidChangeWatchedFilesNotification.type, { watchers })
        .catch(() => this.#watchAlone());
    } else this.#watchAlone();
  }

  #watchAlone(): void {
    this.#watcher = new FolderWatcher((file, listing) => this.#session.changedOnDisk([{ file, listing }]));
    this.#watcher.follow(this.#session.files);
  }

  #documents(): void {
    const { connection } = this;
    const session = this.#session;
    connection.onDidOpenTextDocument(({ textDocument: { uri, version, text } }) => session.open(uri, version, text));
    connection.onDidChangeTextDocument(({ textDocument: { uri, version }, contentChanges }) =>
      session.change(uri, version, contentChanges),
    );
    connection.onDidCloseTextDocument(({ textDocument: { uri } }) => session.close(uri));
    connection.onDidChangeWatchedFiles(({ changes }) =>
      session.changedOnDisk(
        changes.map(({ uri, type }) => ({ file: fileOf(uri, session.home), listing: type !== FileChangeType.Changed })),
      ),
    );
    connection.onNotification(
      "workspace/didChangeWorkspaceFolders",
      ({ event }: { event: { added: WorkspaceFolder[]; removed: WorkspaceFolder[] } }) => {
        const gone = new Set(event.removed.map(({ uri }) => uri));
        this.#folders = [...this.#folders.filter(({ uri }) => !gone.has(uri)), ...event.added];
      },
    );
  }

  #requests(): void {
    const { connection } = this;
    const { languages } = connection;
    connection.onCompletion(
      this.#now(({ position, context }, at) => service.completionsAt(at, position, context?.triggerCharacter), []),
    );
    connection.onHover(this.#now(({ position }, at) => service.hoverAt(at, position) ?? null, null));
    connection.onSignatureHelp(
      this.#now(({ position }, at) => (service.signatureHelpAt(at, position) as never) ?? null, null),
    );
    connection.onDefinition(this.#now(({ position }, at) => service.definitionAt(at, position), []));
    connection.onReferences(
      this.#now(({ position, context, textDocument: { uri } }, at) => {
        const options = { declarations: context.includeDeclaration, others: this.#others(uri) };
        return service.referencesAt(at, position, options);
      }, []),
    );
    connection.onDocumentHighlight(this.#now(({ position }, at) => service.highlightsAt(at, position), []));
    connection.onPrepareRename(this.#now(({ position }, at) => refusing(service.prepareRename(at, position)), null));
    connection.onRenameRequest(
      this.#now(
        ({ position, newName, textDocument: { uri } }, at) =>
          refusing(service.rename(at, position, newName, this.#others(uri))),
        null,
      ),
    );
    connection.onDocumentSymbol(this.#now((_, at) => service.documentSymbols(at), [], "background"));
    connection.onFoldingRanges(this.#now((_, at) => service.foldingRanges(at), [], "background"));
    connection.onDocumentFormatting(this.#now((_, at) => service.formattingEdits(at), []));
    connection.onDocumentRangeFormatting(this.#now(({ range }, at) => service.formattingEdits(at, range), []));
    languages.semanticTokens.on(
      this.#now((_, at) => ({ data: service.semanticTokens(at) }), { data: [] }, "background"),
    );
    languages.semanticTokens.onRange(
      this.#now(({ range }, at) => ({ data: service.semanticTokens(at, range) }), { data: [] }, "background"),
    );
    connection.onCodeAction(
      this.#analysed(
        ({ range, context }, at) => service.codeActions(at, asked(range, context.diagnostics), context.only) as never[],
        [],
      ),
    );
    connection.onCodeLens(this.#analysed((_, at) => service.codeLenses(at), []));
    languages.inlayHint.on(this.#analysed(({ range }, at) => service.inlayHints(at, range), []));
  }

  /** Recipes that may share a document's names. */
  #others(uri: string): service.Snapshot[] {
    return this.#session.others(
      uri,
      this.#folders.map((folder) => fileOf(folder.uri, this.#session.home)),
    );
  }

  /**
   * Answers from the document as it is when the question comes, unless the question is taken back meanwhile. Questions that an
   * editor asks by itself, in the `background`, are not answered either when the document changes first: it asks again.
   */
  #now<P extends { textDocument: { uri: string } }, R>(
    answer: (params: P, snapshot: service.Snapshot) => R,
    nothing: R,
    kind?: "background",
  ): (params: P, token: CancellationToken) => Promise<R> {
    return async (params, token) => {
      const { uri } = params.textDocument;
      const snapshot = this.#session.snapshot(uri);
      if (!snapshot) return nothing;
      // What has come in meanwhile is read first: it may take the question back.
      await turn();
      expectWanted(token);
      if (kind === "background" && this.#session.snapshot(uri) !== snapshot) throw stale();
      return answer(params, snapshot);
    };
  }

  /** Answers once the document is analysed; a change before that makes the question stale. */
  #analysed<P extends { textDocument: { uri: string } }, R>(
    answer: (params: P, snapshot: service.Snapshot) => R,
    nothing: R,
  ): (params: P, token: CancellationToken) => Promise<R> {
    return async (params, token) => {
      if (!this.#session.snapshot(params.textDocument.uri)) return nothing;
      const snapshot = await this.#session.analysed(params.textDocument.uri);
      expectWanted(token);
      if (!snapshot) throw stale();
      return answer(params, snapshot);
    };
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function expectWanted(token: CancellationToken): void {
  if (token.isCancellationRequested)
    throw new ResponseError(LSPErrorCodes.RequestCancelled, "the question was taken back");
}

function stale(): ResponseError<void> {
  return new ResponseError(LSPErrorCodes.ContentModified, "the document has changed");
}

/** A refusal as the error that an editor shows. */
function refusing<T extends object>(answer: T | service.Refusal): T {
  if ("refused" in answer) throw new ResponseError(ErrorCodes.InvalidRequest, answer.refused);
  return answer;
}

/** What a question about a cursor means: some editors send along the diagnostics of its line, wherever on it they stand. */
function asked(range: Range, diagnostics: readonly Diagnostic[]): Range {
  let { start, end } = range;
  for (const { range: at } of diagnostics) {
    if (at.start.line > range.end.line || at.end.line < range.start.line) continue;
    if (isBefore(at.start, start)) start = at.start;
    if (isBefore(end, at.end)) end = at.end;
  }
  return { start, end };
}

const isBefore = (a: Position, b: Position) => a.line < b.line || (a.line === b.line && a.character < b.character);
