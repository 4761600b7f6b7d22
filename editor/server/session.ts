import { TextDocument, type TextDocumentContentChangeEvent } from "vscode-languageserver-textdocument";
import type { Host } from "../../compiler/host.ts";
import {
  diagnosticsOf,
  type EditorDiagnostic,
  earlyDiagnostics,
  rememberingParse,
  Snapshot,
} from "../service/index.ts";
import { type Seen, SessionHost } from "./host.ts";
import { fileOf, uriOf } from "./paths.ts";

/** What a session tells its editor. */
export interface Client {
  publish(uri: string, version: number | undefined, diagnostics: readonly EditorDiagnostic[]): void;
  /** Hints and lenses of open documents may have changed although their text has not. */
  refresh(): void;
  /** Something that a person should know. */
  warn(message: string): void;
  /** Something that should not have happened. */
  fail(error: unknown): void;
}

export interface SessionOptions {
  readonly disk: Host;
  readonly client: Client;
  /** Address of a diagnostic's page. */
  readonly page: (code: string) => string | undefined;
}

/** Longest document that is looked at, in UTF-16 units; `ctx check` refuses more bytes. */
const longest = 4 * 2 ** 20;

/** An analysis that takes longer than this, in milliseconds, waits for a pause in typing. */
const costly = 30;

/**
 * Pauses in typing that are waited for, in milliseconds: before an analysis that costs little, so that what an editor asks with a
 * keystroke is answered first; before another as long as the last one took, within bounds.
 */
const pause = { cheap: 20, least: 60, most: 600 };

/** An open document and the newest that is known of it. */
interface Entry {
  document: TextDocument;
  readonly file: string;
  snapshot: Snapshot;
  seen: Seen;
  /** The latest snapshot whose analysis is done. */
  analysed: Snapshot | undefined;
  /** What its analysis took, in milliseconds. */
  cost: number;
  timer: NodeJS.Timeout | undefined;
  waiting: ((snapshot: Snapshot | undefined) => void)[];
  /** Diagnostics that it has found, by document. */
  found: Map<string, EditorDiagnostic[]>;
}

/**
 * The open documents of an editor. Each change makes a new snapshot, whose analysis is done after a pause as long as it is
 * costly; until then what the syntax alone says is told. Documents that import a changed file are looked at again.
 */
export class Session {
  readonly #entries = new Map<string, Entry>();
  readonly #host: SessionHost;
  readonly #parse = rememberingParse();
  readonly #published = new Set<string>();
  /** Folder of documents that are no files. */
  home = process.cwd();
  snippets = false;

  constructor(readonly options: SessionOptions) {
    this.#host = new SessionHost(options.disk, (file) => this.#atFile(file)?.snapshot.text.text);
  }

  open(uri: string, version: number, text: string): void {
    this.close(uri);
    const document = TextDocument.create(uri, "ctx", version, text);
    const file = fileOf(uri, this.home);
    if (text.length > longest) this.options.client.warn(`${file} is too long to be a recipe; it is not checked`);
    const seen: Seen = { files: new Set(), listed: false };
    const snapshot = this.#snapshot(document, file, seen);
    const entry: Entry = {
      document,
      file,
      snapshot,
      seen,
      analysed: undefined,
      cost: 0,
      timer: undefined,
      waiting: [],
      found: new Map(),
    };
    this.#entries.set(uri, entry);
    this.#schedule(entry);
    this.#importersOf(file, entry);
  }

  change(uri: string, version: number, changes: TextDocumentContentChangeEvent[]): void {
    const entry = this.#entries.get(uri);
    if (!entry) return;
    entry.document = TextDocument.update(entry.document, changes, version);
    this.#renew(entry);
    this.#importersOf(entry.file, entry);
  }

  close(uri: string): void {
    const entry = this.#entries.get(uri);
    if (!entry) return;
    clearTimeout(entry.timer);
    for (const tell of entry.waiting) tell(undefined);
    this.#entries.delete(uri);
    const shown = [...entry.found.keys(), uri];
    entry.found = new Map();
    for (const each of new Set(shown)) this.#publish(each);
    // Who imports it now reads what is on the disk.
    this.#host.forget();
    this.#importersOf(entry.file, entry);
  }

  /** Files have changed on the disk; `undefined`: any may have. */
  changedOnDisk(files: readonly { readonly file: string; readonly listing: boolean }[] | undefined): void {
    this.#host.forget();
    for (const entry of this.#entries.values()) {
      const meant = files?.some(({ file, listing }) => entry.seen.files.has(file) || (listing && entry.seen.listed));
      if (meant ?? true) this.#renew(entry);
    }
  }

  /** Version of an open document. */
  version(uri: string): number | undefined {
    return this.#entries.get(uri)?.document.version;
  }

  /** The newest snapshot of an open document. */
  snapshot(uri: string): Snapshot | undefined {
    return this.#entries.get(uri)?.snapshot;
  }

  /** The newest snapshot once it is analysed; undefined when a change comes before that. */
  analysed(uri: string): Promise<Snapshot | undefined> {
    const entry = this.#entries.get(uri);
    if (!entry || entry.analysed === entry.snapshot) return Promise.resolve(entry?.snapshot);
    return new Promise((resolve) => entry.waiting.push(resolve));
  }

  /** Files that the open documents' analyses have read. */
  get files(): Set<string> {
    return new Set([...this.#entries.values()].flatMap(({ seen, file }) => [file, ...seen.files]));
  }

  /** Snapshots of other recipes, for names that several share: open ones, and those in these folders. */
  others(uri: string, folders: readonly string[]): Snapshot[] {
    const open = [...this.#entries.values()];
    const found = open.filter((entry) => entry.document.uri !== uri).map(({ snapshot }) => snapshot);
    const known = new Set(open.map(({ file }) => file));
    const host = this.#host.recording({ files: new Set(), listed: false });
    const files = folders
      .flatMap((folder) => host.list("**/*.ctx", folder) ?? [])
      .filter((file) => !file.includes("node_modules"));
    for (const file of files.slice(0, mostSearched)) {
      const name = file.replaceAll("\\", "/");
      const text = known.has(name) ? undefined : host.readText(name);
      if (text !== undefined) found.push(this.#of(name, text, { files: new Set(), listed: false }));
      known.add(name);
    }
    return found;
  }

  #atFile(file: string): Entry | undefined {
    for (const entry of this.#entries.values()) if (entry.file === file) return entry;
    return undefined;
  }

  #snapshot(document: TextDocument, file: string, seen: Seen): Snapshot {
    const text = document.getText();
    // A byte order mark that an editor sends is a character of its document, and counted in its columns.
    return this.#of(file, text.length > longest ? "" : text.replace(/^\uFEFF/, " "), seen);
  }

  #of(file: string, text: string, seen: Seen): Snapshot {
    return new Snapshot(file, text, {
      host: this.#host.recording(seen),
      uri: (name) => this.#atFile(name)?.document.uri ?? uriOf(name),
      page: this.options.page,
      parse: this.#parse,
      snippets: this.snippets,
    });
  }

  /** Makes a document's snapshot anew: its text has changed, or what it reads. */
  #renew(entry: Entry): void {
    entry.seen = { files: new Set(), listed: false };
    entry.snapshot = this.#snapshot(entry.document, entry.file, entry.seen);
    for (const tell of entry.waiting) tell(undefined);
    entry.waiting = [];
    this.#schedule(entry);
  }

  #importersOf(file: string, changed: Entry): void {
    for (const entry of this.#entries.values()) if (entry !== changed && entry.seen.files.has(file)) this.#renew(entry);
  }

  #schedule(entry: Entry): void {
    clearTimeout(entry.timer);
    const wait = entry.cost <= costly ? pause.cheap : Math.min(Math.max(entry.cost, pause.least), pause.most);
    entry.timer = setTimeout(() => this.#guarded(() => this.#early(entry, wait)), Math.min(wait, pause.cheap));
  }

  /** Of a costly analysis, tells first what needs none. */
  #early(entry: Entry, wait: number): void {
    if (wait <= pause.cheap || !entry.analysed) {
      this.#analyse(entry);
      return;
    }
    const { uri } = entry.document;
    entry.found.set(uri, earlyDiagnostics(entry.snapshot, entry.analysed));
    this.#publish(uri);
    entry.timer = setTimeout(() => this.#guarded(() => this.#analyse(entry)), wait - pause.cheap);
  }

  #analyse(entry: Entry): void {
    const { snapshot } = entry;
    const started = performance.now();
    let found: Map<string, EditorDiagnostic[]>;
    try {
      found = isTooLong(entry) ? new Map([[entry.document.uri, []]]) : diagnosticsOf(snapshot);
    } catch (error) {
      // Nobody should wait for what will not come.
      for (const tell of entry.waiting) tell(undefined);
      entry.waiting = [];
      throw error;
    }
    entry.cost = performance.now() - started;
    const again = entry.analysed !== undefined && entry.analysed.text.text === snapshot.text.text;
    entry.analysed = snapshot;
    const shown = new Set([...entry.found.keys(), ...found.keys()]);
    entry.found = found;
    for (const uri of shown) this.#publish(uri);
    for (const tell of entry.waiting) tell(snapshot);
    entry.waiting = [];
    if (again) this.options.client.refresh();
  }

  /** What all open documents have found in one; each diagnostic once. */
  #publish(uri: string): void {
    const own = this.#entries.get(uri);
    const all = [...(own ? [own] : []), ...[...this.#entries.values()].filter((entry) => entry !== own)];
    const list = new Map<string, EditorDiagnostic>();
    for (const each of all.flatMap(({ found }) => found.get(uri) ?? [])) {
      const { start, end } = each.range;
      const key = JSON.stringify([each.code, start, end]);
      if (!list.has(key)) list.set(key, each);
    }
    if (list.size === 0 && !own && !this.#published.has(uri)) return;
    if (list.size > 0) this.#published.add(uri);
    else this.#published.delete(uri);
    this.options.client.publish(uri, own?.document.version, [...list.values()]);
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.options.client.fail(error);
    }
  }
}

function isTooLong({ document }: Entry): boolean {
  return document.getText().length > longest;
}

/** Recipes that are searched for a name. */
const mostSearched = 500;
