import { existsSync } from "node:fs";
import { dirname, isAbsolute, join, parse, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { DataError } from "./data_error.ts";
import { glob } from "./glob.ts";

export type DataFormat = "text" | "jsonl" | "jsonl.zst" | "parquet";

/** One file of a source. */
export interface DataFile {
  path: string;
  /** Name for messages and fingerprints: relative to the recipe, or `npm:package/path`. */
  name: string;
  format: DataFormat;
}

const ENDINGS: [RegExp, DataFormat][] = [
  [/\.(jsonl|ndjson)$/i, "jsonl"],
  [/\.(jsonl|ndjson)\.zst$/i, "jsonl.zst"],
  [/\.parquet$/i, "parquet"],
  [/\.(txt|text|md|markdown|rst|tex|html?|c|h|cc|cpp|cu|js|ts|py|rs|go|java)$/i, "text"],
];

/**
 * The files that patterns name, in a fixed order without repetitions.
 *
 * @param patterns relative to `folder`, or `npm:<package>/<pattern>`
 * @param folder the recipe's folder
 * @param format of all files; null: by each file's ending
 * @throws DataError when a pattern matches nothing or a format can't be told
 */
export function expandFiles(patterns: string[], folder: string, format: DataFormat | null): DataFile[] {
  const files = new Map<string, DataFile>();
  for (const pattern of patterns) {
    const { base, prefix, paths } = matchingFiles(pattern, folder);
    if (paths.length === 0) {
      const where = isAbsolute(pattern) ? "" : ` (looked under ${base})`;
      throw new DataError(
        `no file matches ${JSON.stringify(pattern)}${where}`,
        "correct the pattern; it starts from the recipe's folder",
      );
    }
    for (const path of paths) {
      const name = prefix ? prefix + slashes(relative(base, path)) : slashes(relative(folder, path));
      if (!files.has(path)) files.set(path, { path, name, format: format ?? formatOf(path) });
    }
  }
  return [...files.values()];
}

function slashes(path: string): string {
  return path.replaceAll("\\", "/");
}

function formatOf(path: string): DataFormat {
  const known = ENDINGS.find(([ending]) => ending.test(path));
  if (known) return known[1];
  throw new DataError(
    "can't tell the format from the file's ending",
    "use .txt, .jsonl, .jsonl.zst or .parquet, or set format in the source",
    {
      file: path,
    },
  );
}

/**
 * The files that one pattern names, in a fixed order.
 *
 * @returns `base`: the folder that was looked under; `prefix`: what the files' names begin with instead of it, for packages
 * @throws DataError when the pattern is malformed, too broad, or names a package that is not installed
 */
export function matchingFiles(
  pattern: string,
  folder: string,
): { base: string; prefix: string | null; paths: string[] } {
  const { base, rest, prefix } = startOf(pattern, folder);
  return { base, prefix, paths: glob(base, rest) };
}

/** Where a pattern begins. */
function startOf(pattern: string, folder: string): { base: string; rest: string; prefix: string | null } {
  const npm = /^npm:((?:@[^/]+\/)?[^/]+)\/(.+)$/.exec(pattern);
  if (npm) {
    const [, name, rest] = npm as unknown as [string, string, string];
    if (name.split("/").includes("..") || rest.split("/").includes(".."))
      throw new DataError(
        `${JSON.stringify(pattern)}: a path inside an npm package can't contain ".."`,
        "name the file from the package's own folder on",
      );
    return { base: packageFolder(name, folder), rest, prefix: `npm:${name}/` };
  }
  if (pattern.startsWith("npm:"))
    throw new DataError(
      `${JSON.stringify(pattern)} names no files`,
      "write npm:<package>/<pattern of files>, for example npm:@scope/texts/data/*.txt",
    );
  // A leading path without pattern characters may go up or start at the root.
  if (isAbsolute(pattern)) return { base: parse(pattern).root, rest: slashes(pattern), prefix: null };
  return { base: resolve(folder), rest: slashes(pattern), prefix: null };
}

/** Folder of an installed npm package: node_modules above the recipe, then above ctx itself. */
function packageFolder(name: string, folder: string): string {
  for (const start of [resolve(folder), dirname(fileURLToPath(import.meta.url))])
    for (let at = start; ; at = dirname(at)) {
      const candidate = join(at, "node_modules", name);
      if (existsSync(join(candidate, "package.json"))) return candidate;
      if (dirname(at) === at) break;
    }
  throw new DataError(`the npm package ${name} is not installed`, `run: npm install ${name}`);
}
