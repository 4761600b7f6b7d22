// Runs a TypeScript program of test/: `node test/soak/program.mjs <file.ts> [words…]`. Bundled to dist/test first; packages stay outside.
import { basename, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const [source, ...words] = process.argv.slice(2);
const outfile = join(root, "dist", "test", basename(source).replace(/\.ts$/, ".js"));
await build({
  entryPoints: [source],
  outfile,
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  packages: "external",
  logLevel: "warning",
});
process.argv = [process.argv[0], outfile, ...words];
await import(pathToFileURL(outfile).href);
