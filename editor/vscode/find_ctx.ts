import { accessSync, constants, existsSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, isAbsolute, join, resolve } from "node:path";

/** How the ctx program is started. */
export interface Program {
  readonly command: string;
  /** Arguments that come before all others. */
  readonly args: readonly string[];
  readonly env: { readonly [name: string]: string };
  /** Comes with the extension: checks and plans, but has no engine to run recipes with. */
  readonly bundled: boolean;
}

export interface Surroundings {
  /** The setting `ctx.path`; "" where it is not set. */
  readonly path: string;
  /** Folders of the workspace; none of them where they are not trusted. */
  readonly folders: readonly string[];
  /** The `PATH` that programs are looked for on. */
  readonly searched: string;
  /** The extension's own folder. */
  readonly extension: string;
}

/**
 * The ctx to start: that of the setting, else a clone of ctx or an installed package in the workspace, else the one on the PATH, else
 * what comes with the extension.
 *
 * @throws Error where the setting names what is not there
 */
export function findCtx({ path, folders, searched, extension }: Surroundings): Program {
  if (path !== "") return fromSetting(path, folders[0]);
  for (const folder of folders) {
    const script = [folder, join(folder, "node_modules", "ctx-recipe")]
      .filter(isPackage)
      .map((root) => join(root, "dist", "cli", "ctx.js"))
      .find(existsSync);
    if (script !== undefined) return started(script);
  }
  // On Windows npm's programs are scripts that only a shell can start.
  const names = process.platform === "win32" ? ["ctx.exe"] : ["ctx"];
  const found = searched
    .split(delimiter)
    .filter(isAbsolute)
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .find(isProgram);
  return found === undefined ? bundledCtx(extension) : started(found);
}

/** The program that comes with the extension, in the Node that runs the extension. */
export function bundledCtx(extension: string): Program {
  return {
    ...{ command: process.execPath, args: [join(extension, "program.mjs")] },
    ...{ env: { ELECTRON_RUN_AS_NODE: "1" }, bundled: true },
  };
}

function fromSetting(path: string, folder: string | undefined): Program {
  const home = path === "~" || path.startsWith("~/") ? join(homedir(), path.slice(1)) : path;
  // A bare name is looked for by the system, on its PATH.
  if (!/[\\/]/.test(home) && !isScript(home)) return started(home);
  const file = resolve(folder ?? homedir(), home);
  if (!existsSync(file)) throw new Error(`ctx.path is ${path}, but ${file} does not exist`);
  return started(file);
}

/** A script needs a Node of its own: the editor's can't load the engine on every system. */
function started(file: string): Program {
  const [command, args] = isScript(file) ? ["node", [file]] : [file, []];
  return { command, args, env: {}, bundled: false };
}

function isScript(file: string): boolean {
  return /\.[cm]?js$/.test(file);
}

function isPackage(folder: string): boolean {
  try {
    return (JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { name?: unknown }).name === "ctx-recipe";
  } catch {
    return false;
  }
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
