import { createHash, randomBytes } from "node:crypto";
import { accessSync, constants, createReadStream, existsSync, readlinkSync, statSync } from "node:fs";
import { mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { homedir, hostname } from "node:os";
import { join } from "node:path";
import type { StopSignal } from "../run/events.ts";
import { isRunning, makeFolders, removeIfPossible, writeFailure } from "../run/files.ts";
import { isSystemError, unreadable } from "./data_error.ts";
import type { DataFile } from "./files.ts";

/**
 * `.ctx-cache/`: results that depend only on named inputs, each in a folder called by the hash of those inputs. A folder is written under
 * another name and then renamed, so it is either whole or absent, whatever happens and however many runs work at once.
 */

/** Where results are kept for recipes of a folder: `.ctx-cache` in it, or the user's own cache where that can't be written. */
export function cachePlace(folder: string): string {
  const beside = join(folder, ".ctx-cache");
  const place = existsSync(beside) ? beside : folder;
  try {
    accessSync(place, constants.W_OK);
    if (statSync(place).isDirectory()) return beside;
  } catch {
    // Not ours to write: the next place.
  }
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "ctx");
}

/** Left by a run that was killed, on whatever machine; younger ones may still be in work. */
const STALE_MS = 24 * 3600 * 1000;

/** Tells processes of this machine, and of this container, from others that share the cache: their numbers mean nothing here. */
const HERE = createHash("sha256").update(`${hostname()} ${processSpace()}`).digest("hex").slice(0, 8);

function processSpace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return "";
  }
}

/** Name for what is not yet, or no longer, `name`; `sweep` knows it again. */
function asideName(name: string): string {
  return `${name}.tmp-${process.pid}-${HERE}${randomBytes(2).toString("hex")}`;
}

/** Hash of the inputs, hex. */
export function cacheKey(inputs: unknown): string {
  return createHash("sha256").update(JSON.stringify(inputs)).digest("hex").slice(0, 32);
}

/** SHA-256 of each file's bytes: what decides whether a cached result still holds. Dates are not trusted. */
export async function fingerprint(
  files: DataFile[],
  stop: StopSignal,
): Promise<{ name: string; format: string; sha256: string }[]> {
  const prints = [];
  for (const { path, name, format } of files) {
    const hash = createHash("sha256");
    try {
      for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 22 })) {
        stop.throwIfRequested();
        hash.update(chunk as Buffer);
      }
    } catch (error) {
      throw isSystemError(error) ? unreadable(path, error) : error;
    }
    prints.push({ name, format, sha256: hash.digest("hex") });
  }
  return prints;
}

/**
 * Opens a cached result, or builds it.
 *
 * @param open opens a finished folder; a throw means that it is damaged, and it is built anew
 * @param build fills an empty folder
 */
export async function cached<T>(
  cache: string,
  name: string,
  open: (folder: string) => Promise<T>,
  build: (folder: string) => Promise<void>,
): Promise<T> {
  const folder = join(cache, name);
  // More than one round only when another run finds the same damage at the same moment and clears away what this one built.
  for (let round = 1; ; round++) {
    if (await exists(folder))
      try {
        return await open(folder);
      } catch (error) {
        if (round > 3) throw error;
        await discard(cache, folder);
      }
    const aside = join(cache, asideName(name));
    try {
      makeFolders(cache);
      await writeFile(join(cache, ".gitignore"), "*\n");
      await sweep(cache);
      await mkdir(aside);
      await build(aside);
      await rename(aside, folder).catch(async (error) => {
        // Another run was faster; its result is the same.
        if (!(await exists(folder))) throw error;
      });
    } catch (error) {
      // Faults of the input have their own messages; what the system calls an error is about the cache.
      throw isSystemError(error) ? cacheFailure(cache, folder, error) : error;
    } finally {
      removeIfPossible(aside);
    }
  }
}

/** An error of the file system, told about the file in the cache where it happened. */
function cacheFailure(cache: string, folder: string, error: unknown): Error {
  const path = (error as { path?: string }).path;
  return writeFailure(path?.startsWith(cache) ? path : folder, error);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Moves a damaged folder out of the way before deleting it, so that no one finds half of it. */
async function discard(cache: string, folder: string): Promise<void> {
  const grave = join(cache, asideName("damaged"));
  await rename(folder, grave).catch(() => undefined);
  await rm(grave, { recursive: true, force: true });
}

async function sweep(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    const [, pid, where] = /\.tmp-(\d+)-([0-9a-f]{8})[0-9a-f]{4}$/.exec(name) ?? [];
    if (pid === undefined) continue;
    const path = join(cache, name);
    if (where === HERE && !isRunning(Number(pid))) {
      removeIfPossible(path);
      continue;
    }
    const changed = await stat(path).then(
      (s) => s.mtimeMs,
      () => Date.now(),
    );
    if (Date.now() - changed > STALE_MS) await rm(path, { recursive: true, force: true });
  }
}
