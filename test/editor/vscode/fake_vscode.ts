/** As much of VS Code's API as the extension calls, remembering what it was asked for. */
import { dirname, join, relative } from "node:path";

type Handler = (...args: never[]) => unknown;

/** What the extension did, and what the editor is to answer. */
export const editor = {
  commands: new Map<string, (...args: unknown[]) => unknown>(),
  executed: [] as unknown[][],
  messages: [] as { kind: string; text: string; buttons: string[] }[],
  /** The button that is pressed on the next message. */
  press: undefined as string | undefined,
  tasks: [] as Task[],
  taskProviders: new Map<string, { provideTasks(): Task[]; resolveTask(task: Task): Task | undefined }>(),
  panels: [] as FakePanel[],
  serializer: undefined as undefined | { deserializeWebviewPanel(panel: FakePanel, state: unknown): Promise<void> },
  shown: [] as { file: string; line: number; character: number }[],
  log: [] as string[],
  settings: {} as Record<string, unknown>,
  trusted: true,
  folder: undefined as string | undefined,
  active: undefined as FakeDocument | undefined,
  onSave: new Set<Handler>(),
  onConfiguration: new Set<Handler>(),
  onTrust: new Set<Handler>(),
};

export function resetEditor(): void {
  for (const list of [editor.executed, editor.messages, editor.tasks, editor.panels, editor.shown, editor.log])
    list.length = 0;
  for (const map of [editor.commands, editor.taskProviders, editor.onSave, editor.onConfiguration, editor.onTrust])
    map.clear();
  Object.assign(editor, { press: undefined, serializer: undefined, folder: undefined, active: undefined });
  Object.assign(editor, { settings: {}, trusted: true });
}

export interface FakeDocument {
  uri: Uri;
  languageId: string;
  isDirty: boolean;
  isUntitled: boolean;
  save(): Promise<boolean>;
}

export interface FakePanel {
  type: string;
  title: string;
  disposed: boolean;
  webview: {
    html: string;
    options: unknown;
    posted: { type: string; html: string }[];
    /** The page says something to the extension. */
    say(message: unknown): void;
    postMessage(message: { type: string; html: string }): Promise<boolean>;
    onDidReceiveMessage(handler: Handler): void;
    asWebviewUri(uri: Uri): Uri;
  };
  iconPath: unknown;
  reveal(): void;
  dispose(): void;
  onDidDispose(handler: Handler): void;
}

export function fakePanel(type: string, title: string): FakePanel {
  const disposing: Handler[] = [];
  const listening: Handler[] = [];
  const panel: FakePanel = {
    ...{ type, title, disposed: false, iconPath: undefined },
    webview: {
      ...{ html: "", options: undefined, posted: [] },
      say: (message) => {
        for (const handler of listening) handler(message as never);
      },
      async postMessage(message) {
        this.posted.push(message);
        return true;
      },
      onDidReceiveMessage: (handler) => void listening.push(handler),
      asWebviewUri: (uri) => uri,
    },
    reveal() {},
    dispose() {
      panel.disposed = true;
      for (const handler of disposing) handler();
    },
    onDidDispose: (handler) => void disposing.push(handler),
  };
  editor.panels.push(panel);
  return panel;
}

export class Uri {
  constructor(
    readonly scheme: string,
    readonly path: string,
  ) {}
  static file(path: string): Uri {
    return new Uri("file", path);
  }
  static parse(text: string): Uri {
    const { protocol, pathname } = new URL(text);
    return new Uri(protocol.slice(0, -1), decodeURIComponent(pathname));
  }
  static joinPath(base: Uri, ...parts: string[]): Uri {
    return new Uri(base.scheme, join(base.path, ...parts));
  }
  get fsPath(): string {
    return this.path;
  }
  toString(): string {
    return `${this.scheme}://${encodeURI(this.path)}`;
  }
}

export class Position {
  constructor(
    readonly line: number,
    readonly character: number,
  ) {}
}

export class Range {
  constructor(
    readonly start: Position,
    readonly end: Position,
  ) {}
}

export class ProcessExecution {
  constructor(
    readonly process: string,
    readonly args: string[],
    readonly options: { cwd: string; env: Record<string, string> },
  ) {}
}

export class Task {
  group: unknown;
  presentationOptions: unknown;
  constructor(
    readonly definition: { type: string; [name: string]: unknown },
    readonly scope: unknown,
    readonly name: string,
    readonly source: string,
    readonly execution?: ProcessExecution,
    readonly problemMatchers?: string[],
  ) {}
}

export const ViewColumn = { One: 1, Beside: -2 };
export const TaskScope = { Global: 1, Workspace: 2 };
export const TaskGroup = { Test: "test" };
export const TaskPanelKind = { Dedicated: 2 };
export const TaskRevealKind = { Always: 1 };

const nothing = { dispose() {} };
const listen = (set: Set<Handler>) => (handler: Handler) => {
  set.add(handler);
  return nothing;
};
const say =
  (kind: string) =>
  async (text: string, ...buttons: string[]) => {
    editor.messages.push({ kind, text, buttons });
    const pressed = editor.press;
    editor.press = undefined;
    return pressed;
  };

export const window = {
  createOutputChannel: () => ({
    ...nothing,
    show: () => void editor.log.push("shown"),
    warn: (text: string) => void editor.log.push(text),
    error: (text: string) => void editor.log.push(text),
  }),
  showErrorMessage: say("error"),
  showInformationMessage: say("info"),
  get activeTextEditor() {
    return editor.active && { document: editor.active };
  },
  visibleTextEditors: [],
  registerWebviewPanelSerializer(_type: string, serializer: NonNullable<typeof editor.serializer>) {
    editor.serializer = serializer;
    return nothing;
  },
  createWebviewPanel: fakePanel,
  async showTextDocument(uri: Uri, { selection }: { selection: Range }) {
    editor.shown.push({ file: uri.fsPath, ...selection.start });
  },
};

const workspaceFolder = () => editor.folder && { uri: Uri.file(editor.folder), name: "folder", index: 0 };

export const workspace = {
  get isTrusted() {
    return editor.trusted;
  },
  get workspaceFolders() {
    const folder = workspaceFolder();
    return folder ? [folder] : undefined;
  },
  getWorkspaceFolder: ({ fsPath }: Uri) =>
    editor.folder && !relative(editor.folder, fsPath).startsWith("..") ? workspaceFolder() : undefined,
  asRelativePath: ({ fsPath }: Uri) => relative(editor.folder ?? dirname(fsPath), fsPath),
  getConfiguration: (section: string) => ({
    get: (name: string, standard: unknown) => editor.settings[`${section}.${name}`] ?? standard,
  }),
  openTextDocument: async (uri: Uri) => ({ ...editor.active, uri, languageId: "ctx" }),
  onDidSaveTextDocument: listen(editor.onSave),
  onDidChangeConfiguration: listen(editor.onConfiguration),
  onDidGrantWorkspaceTrust: listen(editor.onTrust),
};

export const commands = {
  registerCommand(name: string, handler: (...args: unknown[]) => unknown) {
    editor.commands.set(name, handler);
    return nothing;
  },
  async executeCommand(...words: unknown[]) {
    editor.executed.push(words);
  },
};

export const tasks = {
  registerTaskProvider(type: string, provider: { provideTasks(): Task[]; resolveTask(task: Task): Task | undefined }) {
    editor.taskProviders.set(type, provider);
    return nothing;
  },
  executeTask: async (task: Task) => void editor.tasks.push(task),
};
