import type { CpuFacts, GpuFacts } from "./cost/hardware.ts";

/**
 * What the compiler asks of the machine it runs on. Everything is synchronous, so that checking is one plain call; a
 * browser gives files that it holds in memory. Paths use `/` and are either absolute or relative to wherever the host
 * likes: the compiler joins a recipe's own folder and the paths it names, and hands the result over.
 */
export interface Host {
  /** Text of a file as UTF-8; undefined when there is none or it can't be read. */
  readText(path: string): string | undefined;

  /**
   * Files that match a pattern (`*`, `**`, `?`, `[…]`, `{a,b}`), sorted. `npm:<package>/<glob>` means files that an npm
   * package ships, found from `folder` as Node finds packages. Undefined when the host can't list files.
   */
  list(pattern: string, folder: string): readonly string[] | undefined;

  /** Size of a file in bytes; undefined when unknown. */
  size(path: string): number | undefined;

  /**
   * The first bytes of a file, at most `bytes`; where the system refuses them, what it says; undefined when there is no such file, or the
   * host can't look into files.
   */
  head?(path: string, bytes: number): Uint8Array | string | undefined;

  /** At most `bytes` bytes of a file from `from` on, fewer where it ends; undefined when it can't be read, or the host can't look into files. */
  part?(path: string, from: number, bytes: number): Uint8Array | undefined;

  /** Folder that holds the downloaded files of a Hub model; undefined when there is none. */
  hubFolder(name: string): string | undefined;

  /** The processor and memory of the machine that compiles; undefined where a recipe should not depend on it. */
  machine(): CpuFacts | undefined;

  /** The GPU that a run on this machine would use; undefined when there is none, or the host can't tell. */
  gpu?(): GpuFacts | undefined;

  /** What the plan is to be carried out on where the recipe does not say. Default: a processor. */
  readonly device?: "cpu" | "cuda";
}

/** A host without any files: what a recipe says can still be checked. */
export const emptyHost: Host = {
  readText: () => undefined,
  list: () => undefined,
  size: () => undefined,
  hubFolder: () => undefined,
  machine: () => undefined,
};
