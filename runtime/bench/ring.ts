/**
 * Ring attention beside one rank with the same work: what `ctx_bench_ring` (native/bench/ring) tells of both, on the CPU's ranks, which are
 * threads, and on GPUs where there are some.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { packageRoot } from "../engine/load.ts";
import { middle } from "./roofs.ts";
import { percent, table, times } from "./tables.ts";

/** Something that a rank did, in seconds since its pass began. */
export interface Span {
  what: "compute" | "keys_values" | "gradients";
  step: number;
  begin: number;
  end: number;
}

export interface RingPass {
  /** Until the last rank was done. */
  seconds: number;
  /** Of the processor, in all threads. */
  processor_seconds: number;
  transfer_seconds: number;
  hidden_seconds: number;
  ranks: Span[][];
}

/** What `ctx_bench_ring --json` prints. */
export interface RingRun {
  backend: string;
  ranks: number;
  devices: number;
  /** Of each rank, on a CPU. */
  threads: number;
  tokens: number;
  heads: number;
  kv_heads: number;
  head_dim: number;
  dtype: string;
  forward: RingPass;
  backward: RingPass;
}

const PASSES = ["forward", "backward"] as const;

/** One rank and rings with the same work; of each the run of middle length. */
export interface RingBench {
  one: RingRun;
  rings: RingRun[];
}

/** Tokens that rings of a CPU and of GPUs attend over. */
const TOKENS = { cpu: 4096, cuda: 65_536 } as const;

/** @throws Error when ctx_bench_ring is not built or fails */
function runRing(words: readonly (string | number)[]): RingRun {
  const program = join(packageRoot(), "native", "build", "ctx_bench_ring");
  const { status, stdout, stderr, error } = spawnSync(program, [...words.map(String), "--json"], {
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  if (error || status !== 0) throw new Error(`${program}: ${error?.message ?? stderr.trim()}`);
  return JSON.parse(stdout) as RingRun;
}

/**
 * @param cores all of which one rank has; each rank of a ring has its part of them, at least one
 * @param gpus how many there are
 * @param rounds runs of each, taken in turns
 */
export function benchRing(cores: number, gpus: number, rounds: number): RingBench[] {
  const onCpu = [1, 2, 4].map((ranks) => [
    ...["--tokens", TOKENS.cpu, "--ranks", ranks, "--threads", Math.max(1, Math.floor(cores / ranks))],
  ]);
  const library = process.env.CTX_CUDA_LIBRARY || join(packageRoot(), "native", "build", "libctx_cuda.so");
  const onGpus = [1, ...new Set([2, Math.max(2, gpus)])].map((ranks) => [
    ...["--library", library, "--tokens", TOKENS.cuda, "--ranks", ranks],
  ]);
  return [onCpu, ...(gpus > 0 ? [onGpus] : [])].map((settings) => {
    const runs = settings.map((): RingRun[] => []);
    for (let round = 0; round < rounds; round++)
      for (const [k, words] of settings.entries()) runs[k]!.push(runRing(words));
    const [one, ...rings] = runs.map(median);
    return { one: one!, rings };
  });
}

const secondsOf = ({ forward, backward }: RingRun) => forward.seconds + backward.seconds;

/** The run of middle length. Its processor's time is the middle one of all. */
export function median(runs: readonly RingRun[]): RingRun {
  const sorted = [...runs].sort((a, b) => secondsOf(a) - secondsOf(b));
  const chosen = sorted[Math.floor(sorted.length / 2)]!;
  const withTime = (pass: (typeof PASSES)[number]): RingPass => ({
    ...chosen[pass],
    processor_seconds: middle(runs.map((run) => run[pass].processor_seconds)),
  });
  return { ...chosen, forward: withTime("forward"), backward: withTime("backward") };
}

/** Seconds of a transfer in which its rank computed. */
function hiddenOf(copy: Span, spans: readonly Span[]): number {
  const beside = (block: Span) => Math.max(0, Math.min(copy.end, block.end) - Math.max(copy.begin, block.begin));
  return spans.filter(({ what }) => what === "compute").reduce((sum, block) => sum + beside(block), 0);
}

const sum = (spans: readonly Span[]) => spans.reduce((all, { begin, end }) => all + end - begin, 0);
const milliseconds = (seconds: number) => (1000 * seconds).toFixed(seconds < 0.0995 ? 2 : 0);
const onCpu = ({ backend }: RingRun) => backend.startsWith("cpu");

/** One rank and its rings: what each pass takes, and how many times what it takes one rank. */
export function ringTable({ one, rings }: RingBench): string {
  const rows = [one, ...rings].flatMap((run) =>
    PASSES.map((name) => {
      const [pass, alone] = [run[name], one[name]];
      const ring = run !== one;
      return [
        `${run.ranks} ${run.ranks === 1 ? "rank" : "ranks"}, ${where(run)}, ${name}`,
        milliseconds(pass.seconds),
        ring ? times(pass.seconds / alone.seconds) : "",
        ...(onCpu(run)
          ? [milliseconds(pass.processor_seconds), ring ? times(pass.processor_seconds / alone.processor_seconds) : ""]
          : []),
        ring ? milliseconds(pass.transfer_seconds / run.ranks) : "",
        ring ? percent(pass.hidden_seconds / pass.transfer_seconds) : "",
      ];
    }),
  );
  const processor = onCpu(one) ? ["CPU, ms", "of one rank's CPU"] : [];
  return table(["pass", "ms", "of one rank's", ...processor, "transfers of a rank, ms", "hidden"], rows);
}

function where(run: RingRun): string {
  if (!onCpu(run)) return `${run.devices} ${run.devices === 1 ? "GPU" : "GPUs"}`;
  return `${run.threads} ${run.threads === 1 ? "thread" : "threads"} each`;
}

/** What each rank does in each step of a pass. */
export function stepTable(run: RingRun): string {
  const rows = PASSES.flatMap((name) =>
    run[name].ranks.flatMap((spans, rank) =>
      [...new Set(spans.map(({ step }) => step))].map((step) => {
        const of = (what: Span["what"]) => spans.filter((span) => span.what === what && span.step === step);
        const copies = [...of("keys_values"), ...of("gradients")];
        const cell = (found: Span[]) => (found.length > 0 ? milliseconds(sum(found)) : "");
        const hidden = copies.reduce((all, copy) => all + hiddenOf(copy, spans), 0);
        return [
          `${name}, rank ${rank}, step ${step}`,
          cell(of("compute")),
          cell(of("keys_values")),
          cell(of("gradients")),
          copies.length > 0 ? percent(hidden / sum(copies)) : "",
        ];
      }),
    ),
  );
  return table(["", "computes, ms", "receives keys and values, ms", "gradients, ms", "hidden"], rows);
}

/** Characters of a line of time. */
const COLUMNS = 84;

/** Two lines for each rank: the blocks it computes, by their step, and what comes to it, k keys and values, g their gradients. */
export function timeline({ seconds, ranks }: RingPass): string {
  const column = (time: number) => Math.min(COLUMNS - 1, Math.floor((time / seconds) * COLUMNS));
  const draw = (spans: readonly Span[], mark: (span: Span) => string) => {
    const line = new Array<string>(COLUMNS).fill(" ");
    for (const span of spans) line.fill(mark(span), column(span.begin), column(span.end) + 1);
    return line.join("");
  };
  return ranks
    .map((spans, rank) => {
      const blocks = spans.filter(({ what }) => what === "compute");
      const copies = spans.filter(({ what }) => what !== "compute");
      const computes = draw(blocks, ({ step }) => String(step % 10));
      const receives = draw(copies, ({ what }) => (what === "keys_values" ? "k" : "g"));
      return `rank ${rank}  computes |${computes}|\n        receives |${receives}|`;
    })
    .join("\n");
}

function section(bench: RingBench): string {
  const { one } = bench;
  const shape = `${one.heads} heads of ${one.head_dim}, ${one.kv_heads} of keys and values, ${one.dtype}, causal`;
  const rings = bench.rings.map((run) => {
    const drawn = PASSES.map((name) => `${name}, ${milliseconds(run[name].seconds)} ms\n${timeline(run[name])}`);
    return `### ${run.ranks} ranks\n\n\`\`\`\n${drawn.join("\n\n")}\n\`\`\`\n\n${stepTable(run)}`;
  });
  const title = onCpu(one) ? "On the CPU" : "On GPUs";
  return [`## ${title}`, `${one.backend}: ${one.tokens} tokens, ${shape}.`, ringTable(bench), ...rings].join("\n\n");
}

/** docs/benchmarks/ring.md. @param made when, by what command and on what. @param cores of the machine */
export function ringPage(made: string, cores: number, rounds: number, benches: readonly RingBench[]): string {
  const gpus = benches.length > 1 ? "" : " No GPU was there.";
  return `# Benchmarks of the ring

${made}${gpus}

Attention over one sequence, forward and backward, by one rank and by rings of several: [what a ring is](../how-it-works.md#attention-over-a-ring). Of ${rounds}
runs of each, taken in turns, the one of middle length; each run tells the middle one of five passes. "Of one rank's" is how many times what one rank takes for
the same work, by the clock and in the processor's time of all threads. A transfer is hidden as far as its rank computes meanwhile.

How to read it on a CPU: ranks are threads of one process, each with its part of the ${cores} cores. The work is the same whoever does it, so a ring can be no
faster than one rank with all cores, and its price is what it takes longer: packets that are copied, blocks that are merged, and ranks that wait for each
other. A ring of more ranks than cores shares them, and its ranks take turns: its timeline shows the system's scheduler as much as the ring, and the
processor's time is the figure to go by, on a machine with other work too. Operations are done as they are asked for, so a copy stands between two blocks and
nothing is hidden. On GPUs transfers have queues of their own, and the timeline is the GPU's.

${benches.map(section).join("\n\n")}
`;
}
