import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { packageRoot } from "../engine/load.ts";
import type { Stepper, Workload } from "./stepper.ts";

/**
 * PyTorch's MKL takes its AVX2 path on AMD processors that have AVX-512. This library, preloaded, makes it take the faster
 * one, so that we don't beat a misdetection.
 */
const MKL_SOURCE = "int mkl_serv_intel_cpu_true(void){return 1;}\nint mkl_serv_intel_cpu(void){return 1;}\n";

/** Builds the preload library in `folder`; null without a C compiler. */
function buildPreload(folder: string): string | null {
  const source = join(folder, "mkl.c");
  const library = join(folder, "mkl.so");
  writeFileSync(source, MKL_SOURCE);
  return spawnSync("cc", ["-shared", "-fPIC", "-o", library, source]).status === 0 ? library : null;
}

/**
 * PyTorch and transformers taking the same steps in a process of their own.
 *
 * @param python a Python that has both
 * @param forced preload what makes MKL use AVX-512 on any processor; null comes back when that can't be built
 */
export async function torchStepper(python: string, workload: Workload, forced = false): Promise<Stepper | null> {
  const folder = mkdtempSync(join(tmpdir(), "ctx-bench-"));
  const preload = forced ? buildPreload(folder) : null;
  if (forced && !preload) return null;
  const { shape, tokens, threads, checkpoint } = workload;
  const script = join(packageRoot(), "runtime", "bench", "torch_step.py");
  const child = spawn(python, [script, JSON.stringify({ shape, tokens, threads, checkpoint })], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, ...(preload ? { LD_PRELOAD: preload, MKL_ENABLE_INSTRUCTIONS: "AVX512" } : {}) },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${python} ended before it answered; does it have torch and transformers?`);
    return JSON.parse(value) as { version: string; wall: number; cpu: number; bytes: number };
  };
  const { version } = await answer();
  let bytes = 0;
  return {
    name: forced ? `${version}, MKL forced to AVX-512` : version,
    async step() {
      child.stdin.write("step\n");
      const { wall, cpu, bytes: peak } = await answer();
      bytes = peak;
      return { wall, cpu };
    },
    memory: () => bytes,
    async close() {
      child.stdin.end();
      await new Promise((resolve) => child.once("close", resolve));
      rmSync(folder, { recursive: true });
    },
  };
}
