import type { KernelBench } from "./kernels.ts";
import type { StepResult } from "./training_step.ts";

/** A Markdown table; every column but the first is aligned to the right. */
function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`;
  const rule = head.map((_, column) => (column === 0 ? "---" : "---:"));
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}

const mega = (bytes: number) => (bytes / 1e6).toFixed(0);

/** Our step beside its peers; ratios are ours over theirs. */
export function stepTable(results: readonly StepResult[]): string {
  const ours = new Map(results.filter(({ name }) => name === "ctx").map((result) => [result.workload, result]));
  const rows = results.map((result) => {
    const { workload, name, tokensPerSecond, tokensPerCpuSecond, bytes } = result;
    const own = ours.get(workload)!;
    const ratio = (value: number, mine: number) => (result === own ? "" : `${(mine / value).toFixed(2)}×`);
    return [
      `${workload.name}, T = ${workload.tokens}${workload.checkpoint ? ", checkpointing" : ""}`,
      name,
      tokensPerSecond.toFixed(0),
      ratio(tokensPerSecond, own.tokensPerSecond),
      tokensPerCpuSecond.toFixed(0),
      ratio(tokensPerCpuSecond, own.tokensPerCpuSecond),
      mega(bytes),
    ];
  });
  const head = ["training step", "engine", "tokens/s", "ctx is", "tokens/CPU-s", "ctx is", "MB above weights"];
  return table(head, rows);
}

/** Every kernel beside the machine's roofs, and how many times as fast as each peer. */
export function kernelTable({ peak_gflops, peak_bf16_gflops, cases, peers }: KernelBench): string {
  const rows = cases.map(({ name, dtype, flops, bytes, seconds, peers: theirs = [] }) => {
    const peak = dtype === "bf16" ? peak_bf16_gflops : peak_gflops;
    const gflops = flops / seconds / 1e9;
    return [
      name,
      (seconds * 1e6).toFixed(1),
      flops > 0 ? gflops.toFixed(1) : "",
      flops > 0 ? `${((100 * gflops) / peak).toFixed(0)}%` : "",
      (bytes / seconds / 1e9).toFixed(1),
      ...theirs.map((their) => (their === null ? "" : `${(their / seconds).toFixed(2)}×`)),
    ];
  });
  return table(["operation", "µs", "GFLOP/s", "of peak", "GB/s", ...peers.map((peer) => `of ${peer}`)], rows);
}
