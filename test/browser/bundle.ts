import { type BuildResult, build } from "esbuild";

/** Modules bundled for a page, as its global `ctx`. */
export function bundleForPage(contents: string): Promise<BuildResult<{ metafile: true; write: false }>> {
  return build({
    stdin: { contents, resolveDir: process.cwd(), loader: "ts" },
    ...{ bundle: true, minify: true, write: false, metafile: true },
    ...{ platform: "browser", format: "iife", globalName: "ctx", target: "es2023" },
  });
}
