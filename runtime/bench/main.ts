/**
 * npm run bench -- [--tokens 2048,8192] [--rounds N] [--threads N] [--no-kernels] [--write]
 *
 * Times every kernel and the whole training step. With CTX_ORACLE_PYTHON set to a Python that has torch and transformers,
 * PyTorch takes the same steps in turns with us. `--write` puts the tables into docs/benchmarks/.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { loadAddon, packageRoot } from "../engine/load.ts";
import { benchKernels } from "./kernels.ts";
import { kernelTable, stepTable } from "./tables.ts";
import { benchTrainingStep, LLAMA_15M, type StepResult } from "./training_step.ts";

function count(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} must be a whole number from 1, not ${text}`);
  return value;
}

async function main(): Promise<void> {
  const description = loadAddon().describe();
  const { values } = parseArgs({
    options: {
      tokens: { type: "string", default: "2048" },
      rounds: { type: "string", default: "5" },
      threads: { type: "string", default: String(description.cores) },
      seconds: { type: "string", default: "0.2" },
      checkpoint: { type: "boolean", default: false },
      "no-kernels": { type: "boolean", default: false },
      write: { type: "boolean", default: false },
    },
  });
  const threads = count("threads", values.threads);
  const rounds = count("rounds", values.rounds);
  const python = process.env.CTX_ORACLE_PYTHON;

  const results: StepResult[] = [];
  for (const tokens of values.tokens.split(",")) {
    const workload = {
      name: "15M",
      shape: LLAMA_15M,
      tokens: count("tokens", tokens),
      threads,
      checkpoint: values.checkpoint,
    };
    process.stderr.write(`training step, T = ${tokens} …\n`);
    results.push(...(await benchTrainingStep(workload, rounds, python)));
  }
  const machine = `${description.cpuModel} (${description.cpuFeatures.join(" ")}), ${threads} threads, ${description.backends[0]?.name}`;
  const parts = [
    `## Training step\n\n${machine}. Medians of ${rounds} steps, taken in turns.\n\n${stepTable(results)}`,
  ];
  if (!values["no-kernels"]) {
    process.stderr.write("kernels …\n");
    const bench = await benchKernels(threads, Number(values.seconds), 3, python);
    const roof = `Peak ${bench.peak_gflops.toFixed(0)} GFLOP/s, of bf16 ${bench.peak_bf16_gflops.toFixed(0)}, plain copy ${bench.copy_gbps.toFixed(1)} GB/s a thread.`;
    parts.push(`## Kernels\n\n${machine}. ${roof}\n\n${kernelTable(bench)}`);
  }
  const text = `# Benchmarks on the CPU\n\nMade on ${new Date().toISOString().slice(0, 10)} by \`npm run bench -- ${process.argv.slice(2).join(" ")}\`; see [how to read it](README.md).\n\n${parts.join("\n\n")}\n`;
  process.stdout.write(text);
  if (!values.write) return;
  const folder = join(packageRoot(), "docs", "benchmarks");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "cpu.md"), text);
}

main().catch((error: Error) => {
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = 3;
});
