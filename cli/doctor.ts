import { spawnSync } from "node:child_process";
import { existsSync, statfsSync } from "node:fs";
import { freemem, totalmem } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { cpuHardware } from "../compiler/cost/index.ts";
import { showRatio } from "../compiler/values/show.ts";
import type { NativeDescription } from "../runtime/engine/addon.ts";
import { loadAddon } from "../runtime/engine/load.ts";
import { bytes } from "../runtime/report/format.ts";
import { Failure, messageOf } from "../runtime/run/failure.ts";
import { hostMemory, type MemoryLimit, memoryLimit, WHOLE } from "../runtime/run/memory_limits.ts";
import { calibrate } from "./calibrate.ts";
import { calibrationFile, readCalibration } from "./calibration.ts";
import { printJson } from "./outcome.ts";
import { paint } from "./paint.ts";
import { processorFacts } from "./processor.ts";
import { packageRoot, packageVersion } from "./version.ts";

/** One line of the doctor's findings. */
interface Finding {
  name: string;
  ok: boolean;
  /** Without it ctx cannot run at all. */
  needed: boolean;
  value: string;
}

/** `ctx doctor`. */
export function register(program: Command): void {
  program
    .command("doctor")
    .description("tell what this machine offers: instruction sets, threads, memory, CUDA, the native build")
    .argument("[run...]", "with --calibrate: runs made here, whose speed plans shall go by")
    .option(
      "--calibrate",
      "measure what the processor can do, in half a second, and keep it for plans made here (~/.config/ctx/machine.json)",
    )
    .option("--json", "print one JSON document")
    .option("--quiet", "print only what is missing")
    .action((runs: string[], options: { calibrate?: boolean; json?: boolean; quiet?: boolean }) => {
      if (runs.length > 0 && !options.calibrate) {
        throw new Failure("usage", "runs are for --calibrate", `ctx doctor --calibrate ${runs.join(" ")}`);
      }
      const { native, reason } = describe();
      if (options.calibrate) calibrate(runs);
      const findings = examine(native, reason);
      const healthy = findings.every((finding) => finding.ok || !finding.needed);
      const calibration = readCalibration() ?? null;
      if (options.calibrate && !options.json && !options.quiet)
        process.stderr.write(`kept in ${calibrationFile()} for plans made here; delete the file to undo it\n`);
      if (options.json) printJson({ healthy, version: packageVersion(), native, calibration, findings });
      else print(findings, options.quiet ?? false);
      if (!healthy) process.exitCode = 3;
    });
}

function describe(): { native: NativeDescription | null; reason: string } {
  try {
    return { native: loadAddon().describe(), reason: "" };
  } catch (error) {
    return { native: null, reason: messageOf(error) };
  }
}

function examine(native: NativeDescription | null, reason: string): Finding[] {
  const [major] = process.versions.node.split(".").map(Number);
  const findings: Finding[] = [
    { name: "ctx", ok: true, needed: true, value: packageVersion() },
    { name: "Node.js", ok: major! >= 20, needed: true, value: `${process.versions.node} (20 or newer is needed)` },
    {
      name: "native engine",
      ok: native !== null,
      needed: true,
      value: native ? `version ${native.version}` : `${reason}; build it with: npm run build:native`,
    },
  ];
  if (native) {
    const [best] = native.backends;
    const others = native.backends.slice(1).map((backend) => backend.name);
    findings.push(
      { name: "processor", ok: true, needed: true, value: `${native.cpuModel}, ${native.cores} cores` },
      {
        name: "instruction sets",
        ok: true,
        needed: false,
        value: native.cpuFeatures.join(" ") || "none beyond the base",
      },
      {
        name: "kernels",
        ok: best !== undefined,
        needed: true,
        value: best
          ? `${best.name} is used${others.length > 0 ? `; also there: ${others.join(", ")}` : ""}`
          : "none loads",
      },
      { name: "speed", needed: false, ...speed() },
      { name: "CUDA", ok: native.cuda.available, needed: false, value: cuda(native) },
      ...cudaProducts(native),
      ...cudaWays(native),
      ...cudaPeers(native),
      mpi(),
    );
  }
  findings.push(
    {
      name: "memory",
      ok: true,
      needed: false,
      value: memoryValue(hostMemory(), totalmem(), memoryLimit()?.bytes ?? freemem()),
    },
    { name: "disk", ok: true, needed: false, value: disk() },
    tool("C++ compiler", process.env.CXX ?? "c++"),
    tool("CMake", "cmake"),
    {
      name: "command line",
      ok: existsSync(join(packageRoot(), "dist", "cli", "ctx.js")),
      needed: false,
      value: "dist/cli/ctx.js",
    },
  );
  return findings;
}

/** @param limit what plans for this machine go by. @param whole bytes of the machine. @param free of which this process can have so many more */
export function memoryValue({ bytes: most, what }: MemoryLimit, whole: number, free: number): string {
  const bound = what === WHOLE ? "" : ` is what ${what} allows of the machine's ${bytes(whole)}`;
  return `${bytes(most)}${bound}, ${bytes(free)} free`;
}

/** What plans made here go by. */
function speed(): Pick<Finding, "ok" | "value"> {
  const facts = processorFacts();
  const hardware = cpuHardware(facts);
  const { peak_flops: f32, peak_flops_bf16: bf16, efficiency, efficiency_bf16 } = hardware;
  const part = (flops: number, share: number) =>
    `${Math.round(flops / 1e9)} GFLOP/s, of which training reaches ${showRatio(Number(share.toFixed(2)))}`;
  const value = `fp32 ${part(f32, efficiency)}; bf16 ${part(bf16, efficiency_bf16)}`;
  return facts.measured
    ? { ok: true, value: `${value} (${calibrationFile()})` }
    : { ok: false, value: `${value}; guessed, measure it with: ctx doctor --calibrate` };
}

function cuda(native: NativeDescription): string {
  if (!native.cuda.available) return native.cuda.reason;
  const { devices } = native.cuda;
  const list = devices.map(
    ({ name, memoryBytes, capability }) => `${name}, ${bytes(memoryBytes)}, compute capability ${capability}`,
  );
  return `${list.join("; ")} (driver for CUDA ${devices[0]?.driver}; ctx run uses ${devices.length > 1 ? "as many as parallel { devices = … } says: CUDA_VISIBLE_DEVICES chooses" : "it"} with --device cuda)`;
}

/** What multiplies matrices on the GPU: without cuBLASLt it is many times slower. */
function cudaProducts(native: NativeDescription): Finding[] {
  if (!native.cuda.available) return [];
  const value = loadAddon().cudaProducts();
  return [{ name: "CUDA products", ok: value.startsWith("cuBLASLt"), needed: false, value }];
}

/** How several GPUs pass keys and values on. */
function cudaWays({ cuda }: NativeDescription): Finding[] {
  if (!cuda.available || cuda.devices.length < 2) return [];
  const value = loadAddon().cudaWays();
  return [{ name: "CUDA transfers", ok: value.startsWith("each"), needed: false, value }];
}

/** How GPUs of several processes pass keys and values on. */
function cudaPeers(native: NativeDescription): Finding[] {
  if (!native.cuda.available) return [];
  const words = loadAddon().cudaPeers();
  const ok = /^NCCL \d/.test(words);
  const value = ok
    ? `${words}, for GPUs of several processes`
    : `${words}; GPUs of several processes go through the host's memory, which is slower`;
  return [{ name: "NCCL", ok, needed: false, value }];
}

/** The MPI that ctx was built with, for runs by several processes. */
function mpi(): Finding {
  try {
    return { name: "MPI", ok: true, needed: false, value: `${loadAddon().ranksLibrary()}, for --nproc and clusters` };
  } catch (error) {
    const reason = messageOf(error).replace(/^ranksLibrary: /, "");
    return { name: "MPI", ok: false, needed: false, value: `${reason}; needed only for --nproc and clusters` };
  }
}

function disk(): string {
  const { bavail, bsize } = statfsSync(process.cwd());
  return `${bytes(bavail * bsize)} free in this folder`;
}

/** Needed to build the engine, not to run it. */
function tool(name: string, command: string): Finding {
  const { status, stdout } = spawnSync(command, ["--version"], { encoding: "utf8" });
  const found = status === 0;
  return {
    name,
    ok: found,
    needed: false,
    value: found ? stdout.split("\n")[0]! : `${command} was not found; needed only to build the engine`,
  };
}

function print(findings: Finding[], quiet: boolean): void {
  const width = Math.max(...findings.map((finding) => finding.name.length));
  for (const { name, ok, needed, value } of findings) {
    if (quiet && ok) continue;
    const mark = ok
      ? paint("green", "✓", process.stdout)
      : needed
        ? paint("red", "✗", process.stdout)
        : paint("yellow", "–", process.stdout);
    process.stdout.write(`${mark} ${name.padEnd(width)}  ${value}\n`);
  }
}
