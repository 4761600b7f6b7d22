// Makes a fresh clone ready: installs packages when the lock file has changed, builds the native backends and the
// TypeScript when their sources are newer than the output: what running needs, not the programs of tests and benchmarks.
// Prints one line for each thing that it does.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function run(title, command, args) {
  process.stderr.write(`ctx setup: ${title}\n`);
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    shell: process.platform === "win32",
  });
  if (result.error) {
    process.stderr.write(`ctx setup: cannot start ${command}: ${result.error.message}\n`);
    process.exit(3);
  }
  if (result.status !== 0) process.exit(result.status ?? 3);
}

/** Newest modification time below `folders`, looking only at files whose name matches. */
function newest(folders, pattern) {
  let time = 0;
  const visit = (path) => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.name === "node_modules" || entry.name === "build" || entry.name === "dist") continue;
      const child = join(path, entry.name);
      if (entry.isDirectory()) visit(child);
      else if (pattern.test(entry.name)) time = Math.max(time, statSync(child).mtimeMs);
    }
  };
  for (const folder of folders) if (existsSync(join(root, folder))) visit(join(root, folder));
  return time;
}

const stamp = (path) => (existsSync(join(root, path)) ? statSync(join(root, path)).mtimeMs : 0);

/** npm writes what it installed to node_modules/.package-lock.json; equal versions mean nothing is to be done. */
function installed() {
  const have = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(have)) return false;
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const got = JSON.parse(readFileSync(have, "utf8")).packages;
  return Object.entries(wanted).every(
    ([path, entry]) => path === "" || entry.optional || got[path]?.version === entry.version,
  );
}

if (!installed()) run("installing packages (npm ci)", "npm", ["ci", "--no-audit", "--no-fund"]);
if (newest(["native"], /\.(cc|h|inc|txt|mjs|cmake)$/) > stamp("native/build/ctx.node")) {
  run("building the native engine (CMake)", process.execPath, [join(root, "native", "build.mjs")]);
}
const sources = Math.max(
  newest(["grammar", "compiler", "runtime", "cli", "editor"], /\.(ts|mjs)$/),
  stamp("index.ts"),
  stamp("tsconfig.json"),
);
if (sources > stamp("dist/cli/ctx.js")) {
  run("compiling TypeScript", process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-b"]);
  run("bundling the command line", process.execPath, [join(root, "cli", "bundle.mjs")]);
}
