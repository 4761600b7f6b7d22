import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { packageRoot } from "../engine/load.ts";

/**
 * PyTorch's MKL takes its AVX2 path on AMD processors that have AVX-512. This library, preloaded, makes it take the faster
 * one, so that we don't beat a misdetection.
 */
const MKL_SOURCE = "int mkl_serv_intel_cpu_true(void){return 1;}\nint mkl_serv_intel_cpu(void){return 1;}\n";

/** A peer's script in a process of its own, asked and answering by lines. */
export interface TorchProcess {
  /** What it said when it was ready. */
  ready: unknown;
  /** Sends a line and waits for the answer, one line of JSON. */
  ask(line: string): Promise<unknown>;
  close(): Promise<void>;
}

/**
 * Starts a script of this folder.
 *
 * @param python a Python that has torch and transformers
 * @param forced preload what makes MKL use AVX-512 on any processor; null comes back when that can't be built
 * @throws Error when the script ends before it answers
 */
export async function startTorch(
  python: string,
  script: string,
  args: readonly string[],
  forced: boolean,
): Promise<TorchProcess | null> {
  const folder = mkdtempSync(join(tmpdir(), "ctx-bench-"));
  const preload = forced ? buildPreload(folder) : null;
  if (forced && !preload) return null;
  const child = spawn(python, [join(packageRoot(), "runtime", "bench", script), ...args], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, ...(preload ? { LD_PRELOAD: preload, MKL_ENABLE_INSTRUCTIONS: "AVX512" } : {}) },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (): Promise<unknown> => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${python} ended before it answered; does it have torch and transformers?`);
    return JSON.parse(value);
  };
  return {
    ready: await answer(),
    ask(line) {
      child.stdin.write(`${line}\n`);
      return answer();
    },
    async close() {
      const closed = new Promise((resolve) => child.once("close", resolve));
      child.stdin.end();
      await closed;
      rmSync(folder, { recursive: true });
    },
  };
}

/** Builds the preload library in `folder`; null without a C compiler. */
function buildPreload(folder: string): string | null {
  const source = join(folder, "mkl.c");
  const library = join(folder, "mkl.so");
  writeFileSync(source, MKL_SOURCE);
  return spawnSync("cc", ["-shared", "-fPIC", "-o", library, source]).status === 0 ? library : null;
}
