// Programs of the check and of the steps as files that need no packages beside them, for the pack. `node test/gpu/bundle.mjs` makes those of the check in
// dist/, for a check that runs here.
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** Where the program of whole steps lies in a built tree, and so in the pack. */
export const STEP = "dist/runtime/bench/gpu_step.js";
/** The programs that check.py runs. */
export const CHECKS = ["dist/test/gpu/golden_models.js", "dist/test/gpu/virtual_ranks.js"];

/**
 * Writes them into a folder, under their names here.
 *
 * @param {string} folder
 * @param {string[]} programs
 */
export async function bundle(folder, programs) {
  for (const program of programs) {
    await build({
      absWorkingDir: root,
      entryPoints: [program.replace(/^dist\//, "").replace(/js$/, "ts")],
      outfile: resolve(folder, program),
      bundle: true,
      format: "esm",
      platform: "node",
      target: "node20",
      external: ["tokenizers", "@duckdb/node-api", "ts-morph", "typescript"],
      // Packages in CommonJS ask for Node's own modules by require.
      banner: { js: 'import { createRequire as __from } from "node:module"; const require = __from(import.meta.url);' },
      logLevel: "warning",
    });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundle(root, CHECKS);
