import type { KernelBench } from "./kernels.ts";
import type { LengthResult } from "./lengths.ts";
import type { MemoryResult } from "./memory.ts";
import type { Peak } from "./roofs.ts";
import { plannedStep, type SmallSteps } from "./small.ts";
import type { StepResult } from "./training_step.ts";
import { type BenchDtype, describeWorkload, type Workload } from "./workload.ts";

/** A Markdown table; every column but the first is aligned to the right. */
export function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`;
  const rule = head.map((_, column) => (column === 0 ? "---" : "---:"));
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}

const mega = (bytes: number) => (bytes / 1e6).toFixed(0);
export const times = (ratio: number) => `${ratio.toFixed(2)}×`;
export const percent = (share: number) => `${(100 * share).toFixed(0)}%`;
const signed = (share: number) => `${share < 0 ? "−" : "+"}${Math.abs(100 * share).toFixed(1)}%`;

/** Share of the peak of the same dtype. */
const ofPeak = (gflops: number, dtype: BenchDtype, peak: Peak) => percent(gflops / peak[dtype]);

/** Our step beside its peers; ratios are ours over theirs. */
export function stepTable(results: readonly StepResult[]): string {
  const ours = new Map(results.filter(({ own }) => own).map((result) => [result.workload, result]));
  const rows = results.map((result) => {
    const { workload, name, own, wall, cpu, bytes, flops, peak } = result;
    const mine = ours.get(workload)!;
    const gflops = flops / wall / 1e9;
    return [
      describeWorkload(workload),
      name,
      (workload.tokens / wall).toFixed(0),
      own ? "" : times(wall / mine.wall),
      (workload.tokens / cpu).toFixed(0),
      own ? "" : times(cpu / mine.cpu),
      gflops.toFixed(0),
      ofPeak(gflops, workload.dtype, peak),
      mega(bytes),
    ];
  });
  const speed = ["tokens/s", "ctx is", "tokens/CPU-s", "ctx is", "GFLOP/s", "of peak"];
  return table(["training step", "engine", ...speed, "MB above start"], rows);
}

/** Steps of a small model beside what a plan gives them on this machine: by the clock, and by the processor's time for each thread. */
export function smallTable({ peak, steps }: SmallSteps): string {
  const milliseconds = (seconds: number) => (1000 * seconds).toFixed(0);
  const rows = steps.map(({ workload, wall, cpu }) => {
    const { name, document, dtype, threads } = workload;
    const planned = plannedStep(workload, peak);
    return [
      `${name}, rows of ${document}${dtype === "bf16" ? ", bf16" : ""}`,
      milliseconds(planned),
      milliseconds(wall),
      milliseconds(cpu / threads),
      times(cpu / threads / planned),
    ];
  });
  return table(["training step", "planned, ms", "took, ms", "CPU, ms a thread", "of planned"], rows);
}

/** Peak memory of ours, and what share of the peer's it is: of the same setting, and of the peer's without checkpointing. */
export function memoryTable(results: readonly MemoryResult[]): string {
  const peer = ({ tokens, dtype }: Workload, checkpoint: boolean) =>
    results.find(
      ({ own, workload: w }) => !own && w.tokens === tokens && w.dtype === dtype && w.checkpoint === checkpoint,
    );
  const rows = results.map(({ workload, name, own, bytes, ledger }) => {
    const same = own ? peer(workload, workload.checkpoint) : undefined;
    const plain = own ? peer(workload, false) : undefined;
    return [
      describeWorkload(workload),
      name,
      mega(bytes),
      ledger === undefined ? "" : mega(ledger),
      same ? percent(bytes / same.bytes) : "",
      plain ? percent(bytes / plain.bytes) : "",
    ];
  });
  const shares = ["of the peer's", "of the peer's without checkpointing"];
  return table(["two training steps", "engine", "MB above start", "MB in the ledger", ...shares], rows);
}

/** Cost of a token at each length beside the plan's FLOPs. */
export function lengthTable(results: readonly LengthResult[]): string {
  const rows = results.map(({ step, flopsPerToken, achieved, deviation }) => {
    const { workload, wall, cpu, peak } = step;
    return [
      describeWorkload(workload),
      (flopsPerToken / 1e6).toFixed(1),
      (workload.tokens / wall).toFixed(0),
      (workload.tokens / cpu).toFixed(0),
      achieved.toFixed(0),
      ofPeak(achieved, workload.dtype, peak),
      signed(deviation.wall),
      signed(deviation.cpu),
    ];
  });
  const speed = ["tokens/s", "tokens/CPU-s", "GFLOP/s", "of peak"];
  return table(["training step", "MFLOP a token", ...speed, "from the fit", "in CPU time"], rows);
}

/** The largest deviation of a table, without its sign. */
export function largestDeviation(results: readonly LengthResult[]): string {
  return percent(Math.max(...results.map(({ deviation }) => Math.abs(deviation.wall))));
}

/** Every kernel beside the machine's roofs, and how many times as fast as each peer. */
export function kernelTable({ cases, peers }: KernelBench): string {
  const rows = cases.map(({ name, dtype, flops, bytes, seconds, peak, peers: theirs }) => {
    const gflops = flops / seconds / 1e9;
    return [
      name,
      (seconds * 1e6).toFixed(1),
      flops > 0 ? gflops.toFixed(1) : "",
      flops > 0 ? ofPeak(gflops, dtype, peak) : "",
      (bytes / seconds / 1e9).toFixed(1),
      ...theirs.map((their) => (their === null ? "" : times(their / seconds))),
    ];
  });
  return table(["operation", "µs", "GFLOP/s", "of peak", "GB/s", ...peers.map((peer) => `of ${peer}`)], rows);
}
