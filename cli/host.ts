import { closeSync, existsSync, fstatSync, openSync, readdirSync, readFileSync, readSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, relative, resolve } from "node:path";
import type { Host } from "../compiler/host.ts";
import { DataError } from "../runtime/data/data_error.ts";
import { matchingFiles } from "../runtime/data/files.ts";
import { messageOf } from "../runtime/run/failure.ts";
import { gpuFacts, processorFacts } from "./processor.ts";

/** Largest text file that the compiler is handed: a recipe or a config.json is far below. */
const largestText = 16 * 2 ** 20;

/**
 * The compiler's view of this machine. Relative paths are seen from `base`.
 *
 * @param device that plans are to be carried out on where the recipe does not say
 */
export function nodeHost(base: string = process.cwd(), device?: "cpu" | "cuda"): Host {
  const at = (path: string) => resolve(base, path);
  return {
    readText(path) {
      try {
        const file = at(path);
        return statSync(file).size > largestText ? undefined : readFileSync(file, "utf8");
      } catch {
        return undefined;
      }
    },
    list(pattern, folder) {
      try {
        const { base: root, prefix, paths } = matchingFiles(pattern, at(folder));
        const own = prefix === null && !isAbsolute(pattern);
        return own ? paths.map((path) => join(folder, relative(root, path))) : paths;
      } catch (error) {
        if (error instanceof DataError) return [];
        throw error;
      }
    },
    size(path) {
      try {
        return statSync(at(path)).size;
      } catch {
        return undefined;
      }
    },
    head: (path, bytes) => headOf(at(path), bytes),
    part(path, from, bytes) {
      try {
        return statSync(at(path)).isFile() ? partOf(at(path), from, bytes) : undefined;
      } catch {
        return undefined;
      }
    },
    hubFolder,
    machine: processorFacts,
    gpu: gpuFacts,
    ...(device && { device }),
  };
}

/** The first bytes of a file, or what the system says against it. */
function headOf(path: string, bytes: number): Uint8Array | string | undefined {
  try {
    return statSync(path).isFile() ? partOf(path, 0, bytes) : undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    return code === "EACCES" || code === "EPERM" ? "permission denied" : messageOf(error);
  }
}

/** @throws Error of the system */
function partOf(path: string, from: number, bytes: number): Uint8Array {
  const descriptor = openSync(path, "r");
  try {
    const part = Buffer.alloc(Math.max(0, Math.min(bytes, fstatSync(descriptor).size - from)));
    let done = 0;
    for (let got = -1; got !== 0 && done < part.length; done += got)
      got = readSync(descriptor, part, done, part.length - done, from + done);
    return part.subarray(0, done);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Snapshot of a Hub model in Hugging Face's cache (`HF_HUB_CACHE`, `HF_HOME`, `~/.cache/huggingface`): the commit that
 * `refs/main` names, else any that has a config.json.
 */
function hubFolder(name: string): string | undefined {
  if (!/^[\w.-]+\/[\w.-]+$/.test(name)) return undefined;
  const home = process.env.HF_HOME ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "huggingface");
  const folder = join(process.env.HF_HUB_CACHE ?? join(home, "hub"), `models--${name.replace("/", "--")}`);
  const snapshots = join(folder, "snapshots");
  try {
    const main = join(folder, "refs", "main");
    const wanted = existsSync(main) ? [readFileSync(main, "utf8").trim()] : [];
    const commit = [...wanted, ...readdirSync(snapshots)].find(
      (candidate) => /^[\w.-]+$/.test(candidate) && existsSync(join(snapshots, candidate, "config.json")),
    );
    return commit && join(snapshots, commit);
  } catch {
    return undefined;
  }
}
