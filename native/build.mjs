#!/usr/bin/env node
// Configures and builds native/ into native/build: `node native/build.mjs [--jobs N] [--cuda] [target…]`. Without targets, what running
// needs; ctx_tests and ctx_bench are the programs of tests and of the benchmark. With
// `--sanitize memory` (bad memory accesses, undefined behaviour) or `--sanitize threads` (data races) into a folder below it, and slower;
// with `--fuzz` the fuzzers of test/fuzz, which need Clang; with `--cuda` the CUDA backend, which needs nvcc.
// Needs CMake 3.20 and a C++20 compiler; uses Ninja if there is one. MPICC in the environment names the compiler wrapper of the MPI that ranks
// are built with, where it is not the mpicc on the PATH.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const source = dirname(fileURLToPath(import.meta.url));

/** What `--sanitize` takes, as compilers call it. */
const SANITIZERS = { memory: "address,undefined", threads: "thread" };

/** Runs a program with our terminal; ends this process with its status if it fails. */
function run(program, args) {
  const result = spawnSync(program, args, { stdio: "inherit" });
  if (result.error) stop(`cannot start ${program}: ${result.error.message}`);
  if (result.status !== 0) process.exit(result.status ?? 1);
}

/** True if `program --version` runs. */
function has(program) {
  return spawnSync(program, ["--version"], { stdio: "ignore" }).status === 0;
}

/** Where a program on the PATH lies. */
function wholePath(program) {
  const found = (
    program.includes("/")
      ? [resolve(program)]
      : (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, program))
  ).find(existsSync);
  return found ?? stop(`MPICC is ${program}, and there is no such program`);
}

function stop(message) {
  console.error(`native build: ${message}`);
  process.exit(1);
}

/** The node_modules folder that holds the Node-API headers: ours, or that of a package we are installed in. */
function nodeModules() {
  const require = createRequire(import.meta.url);
  try {
    return dirname(dirname(require.resolve("node-addon-api/package.json")));
  } catch {
    return stop("node-addon-api is not installed; run `npm install` first");
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sanitize: { type: "string" },
    fuzz: { type: "boolean", default: false },
    cuda: { type: "boolean", default: false },
    jobs: { type: "string" },
  },
});
if (values.sanitize !== undefined && !SANITIZERS[values.sanitize])
  stop(`--sanitize is one of ${Object.keys(SANITIZERS).join(", ")}, not ${values.sanitize}`);
if (values.fuzz && !has("clang++")) stop("--fuzz needs Clang (clang++), whose libFuzzer drives the fuzzers");
if (values.cuda && !has("nvcc")) stop("--cuda needs the CUDA toolkit (nvcc on the PATH)");
if (!has("cmake")) stop("CMake is not installed (3.20 or newer is needed)");

const build = join(source, "build", values.fuzz ? "fuzz" : values.sanitize ? `sanitize-${values.sanitize}` : "");
const generator = has("ninja") ? "Ninja" : "Unix Makefiles";
const cache = join(build, "CMakeCache.txt");
const configured = existsSync(cache) && readFileSync(cache, "utf8").includes(`CMAKE_GENERATOR:INTERNAL=${generator}\n`);
const cuda = values.cuda ? ["-DCTX_CUDA=ON"] : [];
const mpicc = process.env.MPICC ? [`-DCTX_MPICC=${wholePath(process.env.MPICC)}`] : [];
if (!configured || mpicc.length > 0 || values.cuda) {
  // --fresh would do, but is newer than the CMake we ask for; a cache of another generator is left to CMake's own message.
  run("cmake", [
    "-S",
    source,
    "-B",
    build,
    "-G",
    generator,
    "-DCMAKE_BUILD_TYPE=Release",
    `-DCTX_SANITIZE=${values.sanitize ? SANITIZERS[values.sanitize] : ""}`,
    `-DCTX_NODE_MODULES=${nodeModules()}`,
    ...mpicc,
    ...cuda,
    ...(values.fuzz ? ["-DCTX_FUZZ=ON", "-DCMAKE_CXX_COMPILER=clang++"] : []),
  ]);
}
const jobs = values.jobs ?? String(availableParallelism());
run("cmake", ["--build", build, "--parallel", jobs, ...positionals.flatMap((target) => ["--target", target])]);
