// Bundles the command line into dist/cli. Starting `ctx check` then reads two or three small files instead of hundreds:
// each command is its own chunk, and the heavy packages stay outside until a command imports them.
import { chmodSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const out = join(root, "dist", "cli");

rmSync(join(out, "chunks"), { recursive: true, force: true });
const options = {
  absWorkingDir: root,
  outdir: out,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20",
  // Native packages and those of several megabytes are loaded from node_modules when they are needed.
  external: ["tokenizers", "@duckdb/node-api", "ts-morph", "typescript"],
  banner: {
    // Some bundled packages are CommonJS and call require() for Node's own modules.
    js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
  sourcemap: "linked",
  // A third of the start is V8 reading this text. Names stay: stack traces of --debug are read by people.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: "none",
  logLevel: "warning",
};
// The language server shares the compiler with every command; bundled with them, it would cut what they load into more and smaller files.
const apart = {
  name: "apart",
  setup(build) {
    build.onResolve({ filter: /^\.\/lsp\.ts$/ }, () => ({ path: "./lsp.js", external: true }));
  },
};
await build({ ...options, entryPoints: { ctx: "cli/ctx.ts" }, chunkNames: "chunks/[name]-[hash]", plugins: [apart] });
await build({ ...options, entryPoints: { lsp: "cli/lsp.ts" }, chunkNames: "chunks/lsp-[name]-[hash]" });
chmodSync(join(out, "ctx.js"), 0o755);
process.stderr.write(
  `ctx setup: dist/cli/ctx.js and ${readdirSync(join(out, "chunks")).filter((name) => name.endsWith(".js")).length} chunks\n`,
);
