import type { Host } from "../../compiler/host.ts";

/** What an analysis has asked of the disk: it is good until one of these files changes, or a file comes or goes where one was listed. */
export interface Seen {
  readonly files: Set<string>;
  listed: boolean;
}

/** How long an answer of the disk is taken for true while nobody tells of a change, in milliseconds. */
const freshFor = 2000;

/** Answers that are kept. */
const mostKept = 2000;

/**
 * The files of a session: of open documents what is in the editor, of all else what is on the disk. Who types waits for the
 * disk at most once in a while: its answers are kept until `forget`, or for two seconds.
 */
export class SessionHost {
  readonly #kept = new Map<string, { readonly value: unknown; readonly at: number }>();

  constructor(
    readonly disk: Host,
    /** Text of an open document; undefined for a file that none shows. */
    readonly open: (file: string) => string | undefined,
    readonly now: () => number = Date.now,
  ) {}

  /** A host that notes what is asked of it. */
  recording(seen: Seen): Host {
    const { disk } = this;
    const of = (path: string) => {
      seen.files.add(path);
      return path;
    };
    const list: Host["list"] = (pattern, folder) => {
      seen.listed = true;
      return this.#keep(["list", pattern, folder], () => disk.list(pattern, folder));
    };
    return {
      readText: (path) => this.open(of(path)) ?? this.#keep(["text", path], () => disk.readText(path)),
      list,
      size: (path) => this.#keep(["size", of(path)], () => disk.size(path)),
      ...(disk.head && {
        head: (path, bytes) => this.#keep(["head", of(path), bytes], () => disk.head?.(path, bytes)),
      }),
      ...(disk.part && {
        part: (path, from, bytes) => this.#keep(["part", of(path), from, bytes], () => disk.part?.(path, from, bytes)),
      }),
      hubFolder: (name) => this.#keep(["hub", name], () => disk.hubFolder(name)),
      machine: () => this.#keep(["machine"], () => disk.machine()),
    };
  }

  /** Forgets what the disk has answered. */
  forget(): void {
    this.#kept.clear();
  }

  #keep<T>(key: readonly unknown[], ask: () => T): T {
    const name = JSON.stringify(key);
    const kept = this.#kept.get(name);
    const now = this.now();
    if (kept && now - kept.at < freshFor) return kept.value as T;
    const value = ask();
    this.#kept.delete(name);
    this.#kept.set(name, { value, at: now });
    if (this.#kept.size > mostKept) this.#kept.delete(this.#kept.keys().next().value!);
    return value;
  }
}
