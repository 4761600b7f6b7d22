// Bundles the command line into dist/cli: bundle.cjs has every command, server.cjs the language server, which shares the compiler but
// starts once for many recipes. The heavy packages stay outside until a command imports them. Both are CommonJS, for of that alone V8 can be
// handed what it has compiled before: starting `ctx check` then compiles next to nothing.
import { spawnSync } from "node:child_process";
import { chmodSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const out = join(root, "dist", "cli");

/** commander loads node:child_process for subcommands that are programs of their own. ctx has none, and it takes as long as all of commander. */
const withoutPrograms = {
  name: "commander without programs",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      /[\\/]commander[\\/]/.test(importer) ? { path: "child_process", namespace: "when-needed" } : undefined,
    );
    const contents = 'module.exports = { spawn: (...words) => require("node:child_process").spawn(...words) };';
    onLoad({ filter: /^/, namespace: "when-needed" }, () => ({ contents }));
  },
};

const options = {
  absWorkingDir: root,
  bundle: true,
  format: "cjs",
  platform: "node",
  target: "node20",
  // Native packages and those of several megabytes are loaded from node_modules when they are needed.
  external: ["tokenizers", "@duckdb/node-api", "ts-morph", "typescript"],
  plugins: [withoutPrograms],
  // import() in a script needs more of Node than version 20.0 has; those packages are CommonJS as well.
  supported: { "dynamic-import": false },
  define: { "import.meta.url": "__url" },
  sourcemap: "linked",
  // A third of the start is V8 reading this text. Names stay: stack traces of --debug are read by people.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: "none",
  logLevel: "warning",
};
/** Who checks a recipe does not wait for the language server's text to be read. */
const apart = {
  name: "apart",
  setup({ onResolve }) {
    onResolve({ filter: /\/server\/server\.ts$/ }, () => ({ path: "./server.cjs", external: true }));
  },
};
const bundle = join(out, "bundle.cjs");
// V8 would take what it compiled of another text of the same length.
rmSync(`${bundle}.compiled`, { force: true });
await build({
  ...options,
  entryPoints: ["cli/main.ts"],
  outfile: bundle,
  plugins: [...options.plugins, apart],
  // A function of what a module would have: V8 keeps scripts, not modules.
  banner: { js: "(function (require, __url) {" },
  footer: { js: "})" },
});
await build({
  ...options,
  entryPoints: ["editor/server/server.ts"],
  outfile: join(out, "server.cjs"),
  banner: { js: 'const __url = require("node:url").pathToFileURL(__filename).href;' },
});
chmodSync(join(out, "ctx.js"), 0o755);
const made = spawnSync(process.execPath, [join(root, "cli", "compile_bundle.mjs"), bundle, "recipes/quickstart.ctx"], {
  cwd: root,
  stdio: ["ignore", "ignore", "inherit"],
});
const kept = made.status === 0 ? "" : ", which every start will compile anew";
process.stderr.write(`ctx setup: dist/cli/bundle.cjs, ${Math.round(statSync(bundle).size / 1e3)} kB${kept}\n`);
