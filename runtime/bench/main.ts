/**
 * npm run bench -- [--only step,memory,lengths,small,kernels,compiler,editor,ring] [--tokens 2048,8192] [--lengths 2048,4096] [--dtype f32,bf16]
 *                  [--checkpoint] [--rounds N] [--threads N] [--seconds S] [--passes N] [--filter TEXT] [--python FILE] [--write]
 *
 * Times the training step, its memory, its cost per token from length to length, every kernel, the compiler, the language server, and rings of ranks. With a Python that has torch and
 * transformers (`--python`, or CTX_ORACLE_PYTHON in the environment), PyTorch does the same work in turns with us. `--write` puts each
 * table into docs/benchmarks/cpu.md (the compiler's: compiler.md, the server's: editor.md, the rings': ring.md) as soon as it is measured and leaves the others as they are.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { NativeDescription } from "../engine/addon.ts";
import { loadAddon, packageRoot } from "../engine/load.ts";
import { benchCompiler, compilerPage } from "./compiler.ts";
import { benchEditor, editorPage } from "./editor.ts";
import { benchKernels } from "./kernels.ts";
import { benchLengths } from "./lengths.ts";
import { benchMemory, type MemoryResult } from "./memory.ts";
import { benchRing, ringPage } from "./ring.ts";
import { PARTS, type Part, withParts } from "./sections.ts";
import { benchSmall } from "./small.ts";
import { kernelTable, largestDeviation, lengthTable, memoryTable, smallTable, stepTable } from "./tables.ts";
import { type TorchPeers, torchPeers } from "./torch_process.ts";
import { benchTrainingStep, type StepResult } from "./training_step.ts";
import { type BenchDtype, backendName, LLAMA_15M, type Workload } from "./workload.ts";

/** Parts that have a page of their own: the first two depend on Node and not on the engine, and a ring has more than a table. */
const PAGES = ["compiler", "editor", "ring"] as const;
type Page = (typeof PAGES)[number];

interface Options {
  parts: (Part | Page)[];
  /** Of the training step and of its memory; absent: each part's own. */
  tokens: number[] | undefined;
  lengths: number[];
  dtypes: BenchDtype[];
  checkpoint: boolean;
  rounds: number;
  threads: number;
  seconds: number;
  passes: number;
  filter: string;
  python: string | undefined;
  write: boolean;
}

function count(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} must be a whole number from 1, not "${text}"`);
  return value;
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < 3600)) throw new Error(`--${name} must be a number of seconds above 0, not "${text}"`);
  return value;
}

function counts(name: string, text: string): number[] {
  return text.split(",").map((item) => count(name, item));
}

function choices<T extends string>(name: string, text: string, known: readonly T[]): T[] {
  return text.split(",").map((item) => {
    const found = known.find((candidate) => candidate === item);
    if (!found) throw new Error(`--${name} takes ${known.join(", ")}, separated by commas, not "${item}"`);
    return found;
  });
}

function readOptions(cores: number): Options {
  const parts = [...(Object.keys(PARTS) as Part[]), ...PAGES];
  const { values } = parseArgs({
    options: {
      only: { type: "string", default: parts.join(",") },
      tokens: { type: "string" },
      lengths: { type: "string", default: "2048,4096,8192,16384,32768,65536,131072" },
      dtype: { type: "string", default: "f32,bf16" },
      checkpoint: { type: "boolean", default: false },
      rounds: { type: "string", default: "5" },
      threads: { type: "string", default: String(cores) },
      seconds: { type: "string", default: "0.2" },
      passes: { type: "string", default: "3" },
      filter: { type: "string", default: "" },
      python: { type: "string", default: process.env.CTX_ORACLE_PYTHON ?? "" },
      write: { type: "boolean", default: false },
    },
  });
  return {
    parts: choices("only", values.only, parts),
    tokens: values.tokens === undefined ? undefined : counts("tokens", values.tokens),
    lengths: counts("lengths", values.lengths),
    dtypes: choices("dtype", values.dtype, ["f32", "bf16"]),
    checkpoint: values.checkpoint,
    rounds: count("rounds", values.rounds),
    threads: count("threads", values.threads),
    seconds: positive("seconds", values.seconds),
    passes: count("passes", values.passes),
    filter: values.filter,
    python: values.python || undefined,
    write: values.write,
  };
}

/** A workload for each dtype and number of tokens. */
function workloads(options: Options, tokens: readonly number[], checkpoint = options.checkpoint): Workload[] {
  const { dtypes, threads } = options;
  return tokens.flatMap((tokens) =>
    dtypes.map((dtype) => ({ name: "15M", shape: LLAMA_15M, tokens, threads, checkpoint, dtype })),
  );
}

/** Measures one part; its text begins with what was done. */
async function measure(part: Part, options: Options, peers: TorchPeers | null): Promise<string> {
  if (part === "step") {
    const results: StepResult[] = [];
    for (const workload of workloads(options, options.tokens ?? [2048, 8192, 16384])) {
      process.stderr.write(`training step, ${workload.dtype}, T = ${workload.tokens} …\n`);
      results.push(...(await benchTrainingStep(workload, options.rounds, peers)));
    }
    return `Medians of ${options.rounds} steps, taken in turns.\n\n${stepTable(results)}`;
  }
  if (part === "memory") {
    const results: MemoryResult[] = [];
    for (const checkpoint of [false, true])
      for (const workload of workloads(options, options.tokens ?? [16384], checkpoint)) {
        process.stderr.write(`peak memory, ${workload.dtype}, T = ${workload.tokens} …\n`);
        results.push(...(await benchMemory(workload, peers)));
      }
    return `Most memory that the process held in two steps.\n\n${memoryTable(results)}`;
  }
  if (part === "lengths") {
    const texts: string[] = [];
    for (const dtype of options.dtypes) {
      const results = await benchLengths(workloads({ ...options, dtypes: [dtype] }, options.lengths), options.rounds);
      texts.push(`In ${dtype}, at most ${largestDeviation(results)} from the fit:\n\n${lengthTable(results)}`);
    }
    return texts.join("\n\n");
  }
  if (part === "small") {
    const small = await benchSmall(options.threads, options.dtypes, options.rounds);
    const peak = options.dtypes.map((dtype) => `${small.peak[dtype].toFixed(0)} GFLOP/s in ${dtype}`).join(", ");
    return `Medians of ${options.rounds} steps of 4,096 tokens; planned for the best peak found, ${peak}.\n\n${smallTable(small)}`;
  }
  process.stderr.write("kernels …\n");
  const bench = await benchKernels(options.threads, options.seconds, options.passes, options.filter, peers);
  return `Medians of ${options.passes} passes. Plain copy ${bench.copy.toFixed(1)} GB/s a thread.\n\n${kernelTable(bench)}`;
}

async function main(): Promise<void> {
  const description = loadAddon().describe();
  const options = readOptions(description.cores);
  const peers = torchPeers(options.python);
  const file = join(packageRoot(), "docs", "benchmarks", "cpu.md");
  const machine = `${description.cpuModel} (${description.cpuFeatures.join(" ")}), ${options.threads} threads, ${backendName(description)}`;
  const command = ["npm run bench --", ...process.argv.slice(2).filter((_, i, all) => !isPath(all, i))].join(" ");
  try {
    for (const part of options.parts) {
      if (isPage(part)) {
        const on = part === "ring" ? ringMachine(description) : `${description.cpuModel}, Node ${process.version}`;
        process.stderr.write(`${part} …\n`);
        const text = await page(part, `Made on ${today()} by \`${command}\`: ${on}.`, options, description);
        process.stdout.write(`${text}\n`);
        if (options.write) writeFileSync(join(packageRoot(), "docs", "benchmarks", `${part}.md`), text);
        continue;
      }
      const text = await measure(part, options, peers);
      const made = `Made on ${today()} by \`${command}\`: ${machine}.`;
      const notes = part === "step" || part === "kernels" ? (peers?.notes ?? []) : [];
      const body = [made, ...notes, text].join(" ");
      process.stdout.write(`## ${PARTS[part]}\n\n${body}\n\n`);
      if (options.write)
        writeFileSync(file, withParts(existsSync(file) ? readFileSync(file, "utf8") : "", new Map([[part, body]])));
    }
  } finally {
    peers?.close();
  }
}

const today = () => new Date().toISOString().slice(0, 10);

const isPage = (part: Part | Page): part is Page => PAGES.some((page) => page === part);

/** A page as it is written. */
async function page(part: Page, made: string, options: Options, { cuda }: NativeDescription): Promise<string> {
  if (part === "compiler") return compilerPage(made, benchCompiler());
  if (part === "editor") return editorPage(made, await benchEditor());
  const gpus = cuda.available ? cuda.devices.length : 0;
  return ringPage(made, options.threads, options.rounds, benchRing(options.threads, gpus, options.rounds));
}

/** The processor, the GPUs where there are some, and how busy other programs keep it: a ring's ranks wait for each other. */
function ringMachine({ cpuModel, cores, cuda }: NativeDescription): string {
  const gpus = cuda.available ? cuda.devices.map(({ name }) => name) : [];
  const load = `other programs' load ${loadavg()[0]!.toFixed(1)} when it began`;
  return [`${cpuModel}, ${cores} cores`, ...gpus, load].join("; ");
}

/** `--python FILE` and its value say nothing about the measurement. */
function isPath(args: readonly string[], i: number): boolean {
  return args[i] === "--python" || args[i - 1] === "--python" || args[i]!.startsWith("--python=");
}

main().catch((error: Error) => {
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = 3;
});
