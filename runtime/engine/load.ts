import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { NativeAddon } from "./addon.ts";

const ADDON = join("native", "build", "ctx.node");

let addon: NativeAddon | undefined;

/**
 * The native engine, loaded once.
 *
 * @throws Error that says how to build it when it is not there, or why it can't be loaded
 */
export function loadAddon(): NativeAddon {
  addon ??= load(join(packageRoot(), ADDON));
  return addon;
}

/** The package's folder: the nearest one above this file that has a built engine, so it works from source and bundled. */
export function packageRoot(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  for (let folder = here; ; folder = dirname(folder)) {
    if (existsSync(join(folder, ADDON))) return folder;
    if (dirname(folder) === folder) break;
  }
  throw new Error(`the native engine is not built: no ${ADDON} above ${here}; run: npm run build`);
}

function load(path: string): NativeAddon {
  try {
    return createRequire(import.meta.url)(path) as NativeAddon;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`cannot load the native engine ${path}: ${reason}; rebuild it: npm run build`);
  }
}
