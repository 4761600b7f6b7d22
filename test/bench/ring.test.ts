// The page of the ring's benchmark: its figures and its drawing are those of what ctx_bench_ring tells (test/attention/timeline.test.ts).
import { expect, test } from "vitest";
import {
  median,
  type RingPass,
  type RingRun,
  ringPage,
  ringTable,
  type Span,
  stepTable,
  timeline,
} from "../../runtime/bench/ring.ts";

const span = (what: Span["what"], step: number, begin: number, end: number): Span => ({ what, step, begin, end });

/** A pass of so many seconds of which the first rank's copies are hidden in part. */
function pass(seconds: number, processor: number, ranks: Span[][]): RingPass {
  const copies = ranks.flat().filter(({ what }) => what !== "compute");
  const transfer = copies.reduce((sum, { begin, end }) => sum + end - begin, 0);
  return { seconds, processor_seconds: processor, transfer_seconds: transfer, hidden_seconds: transfer / 4, ranks };
}

const shape = { devices: 1, tokens: 64, heads: 4, kv_heads: 2, head_dim: 8, dtype: "f32" };
const run = (backend: string, ranks: number, forward: RingPass, backward: RingPass): RingRun => ({
  ...{ backend, ranks, threads: 2 / ranks, ...shape, forward, backward },
});

const alone = [[span("compute", 0, 0, 0.5)]];
const two = [
  [
    span("compute", 0, 0, 0.4),
    span("keys_values", 0, 0.3, 0.5),
    span("compute", 1, 0.5, 1),
    span("gradients", 1, 0.9, 1),
  ],
  [span("compute", 0, 0, 0.5), span("keys_values", 0, 0.5, 0.6), span("compute", 1, 0.6, 1)],
];
const one = run("cpu-avx2", 1, pass(0.5, 1, alone), pass(1, 2, alone));
const ring = run("cpu-avx2", 2, pass(1, 1.5, two), pass(1.2, 2.5, two));

test("a ring is held against one rank, by the clock and by the processor's time; on GPUs by the clock", () => {
  const table = ringTable({ one, rings: [ring] });
  expect(table).toContain("| 1 rank, 2 threads each, forward | 500 |  | 1000 |  |  |  |");
  expect(table).toContain("| 2 ranks, 1 thread each, forward | 1000 | 2.00× | 1500 | 1.50× | 200 | 25% |");
  expect(table).toContain("| 2 ranks, 1 thread each, backward | 1200 | 1.20× | 2500 | 1.25× | 200 | 25% |");
  const gpu = (given: RingRun) => ({ ...given, backend: "cuda", devices: given.ranks });
  const gpus = ringTable({ one: gpu(one), rings: [gpu(ring)] });
  expect(gpus).toContain("| 2 ranks, 2 GPUs, forward | 1000 | 2.00× | 200 | 25% |");
  expect(gpus).not.toContain("CPU");
});

test("each rank's steps: computing, receiving, and how much of that was hidden behind its own blocks", () => {
  const table = stepTable(ring);
  expect(table).toContain("| forward, rank 0, step 0 | 400 | 200 |  | 50% |");
  expect(table).toContain("| forward, rank 0, step 1 | 500 |  | 100 | 100% |");
  expect(table).toContain("| forward, rank 1, step 0 | 500 | 100 |  | 0% |");
  expect(table.match(/backward, rank \d, step \d/g)).toHaveLength(4);
});

test("a line of time has a block where it was", () => {
  const lines = timeline(ring.forward).split("\n");
  expect(lines).toHaveLength(4);
  expect(lines[0]).toMatch(/^rank 0 {2}computes \|0{34} {8}1{42}\|$/);
  expect(lines[1]).toMatch(/^ {8}receives \| {25}k{18} {32}g{9}\|$/);
});

test("of several runs the middle one is told, with the middle time of the processor", () => {
  const runs = [3, 1, 2].map((seconds) => run("cpu-avx2", 2, pass(seconds, 10 * seconds, two), pass(seconds, 7, two)));
  runs[2]!.forward.processor_seconds = 99;
  expect(median(runs).forward).toMatchObject({ seconds: 2, processor_seconds: 30 });
});

test("the page says on what it was made, and that no GPU was there", () => {
  const page = ringPage("Made on a day by a command: a processor.", 2, 5, [{ one, rings: [ring] }]);
  expect(page).toMatch(/^# Benchmarks of the ring\n\nMade on a day by a command: a processor\. No GPU was there\.\n/);
  expect(page.match(/^#+ .*$/gm)).toEqual(["# Benchmarks of the ring", "## On the CPU", "### 2 ranks"]);
});
