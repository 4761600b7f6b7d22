// runtime/bench/gpu_step.ts as one file that needs no packages beside it, for the pack.
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** Where the program lies in a built tree, and so in the pack. */
export const STEP = "dist/runtime/bench/gpu_step.js";

/** Writes it to `STEP` in a folder. */
export async function bundleStep(folder) {
  await build({
    absWorkingDir: root,
    entryPoints: ["runtime/bench/gpu_step.ts"],
    outfile: resolve(folder, STEP),
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
