import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Root folder of this package: the nearest folder above that holds its package.json. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    try {
      const parsed = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { name?: string };
      if (parsed.name === "ctx-recipe") return folder;
    } catch {
      // No package.json here: look one folder further up.
    }
    const parent = dirname(folder);
    if (parent === folder) throw new Error("the package's own package.json was not found; install ctx-recipe again");
    folder = parent;
  }
}

export function packageVersion(): string {
  return (JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { version: string }).version;
}
