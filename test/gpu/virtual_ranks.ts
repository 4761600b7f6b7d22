/**
 * node virtual_ranks.js [--device cuda|cpu] [--dtype f32|bf16] [--head-dim N] [--size full|tiny]
 *
 * A model of random weights with grouped queries, on a row of four documents: loss, logits and gradients over rings of 2, 4 and 8 ranks that share the
 * device beside those of one rank; and what must change no bit: running again, layers computed again, what waits in the host's memory, attention by
 * groups of heads. A row each. On a Hopper GPU in bf16 all attention must have gone through its own kernels.
 *
 * What is allowed. fp32: blocks of a ring are added in another order than tiles of one kernel, which rounds otherwise; the CPU's tests allow as much
 * (test/engine/ring_windows.test.ts). bf16: what is rounded differs as well, so that a ring may be as far from one rank as one rank is from fp32, and half as far
 * again; and itself that far from fp32. A block that is missing, or twice there, is off by a hundred times that.
 */
import { parseArgs } from "node:util";
import type { NativeBatch, NativeEngine, NativeMemoryPlan, NativeTraining } from "../../runtime/engine/addon.ts";
import { loadAddon } from "../../runtime/engine/load.ts";
import { norm } from "../engine/golden.ts";
import { digest, HYPER, lossOf, readAll } from "../engine/native.ts";
import { type Measure, row, say, status } from "./row.ts";

const { values } = parseArgs({
  options: {
    device: { type: "string", default: "cuda" },
    dtype: { type: "string", default: "f32" },
    "head-dim": { type: "string", default: "64" },
    size: { type: "string", default: "full" },
  },
});
const device = values.device === "cpu" ? "cpu" : "cuda";
const dtype = values.dtype === "bf16" ? "bf16" : "f32";
const headDim = Number(values["head-dim"]);

/** Grouped queries, tokens that no tile divides, and rings up to where a rank's chunk is a tile at most. */
const FULL = {
  ...{ vocab: 515, hidden: 256, intermediate: 384, layers: 4, heads: 4, kvHeads: 2 },
  ...{ tokens: 2045, rings: [2, 4, 8] },
};
const TINY = {
  ...{ vocab: 61, hidden: 16, intermediate: 24, layers: 4, heads: 4, kvHeads: 2 },
  ...{ tokens: 61, rings: [2] },
};
const size = values.size === "tiny" ? TINY : FULL;
const most = size.rings.at(-1)!;
/** An engine, but for what all of them have. */
type Given = { ring?: number; dtype?: "f32" | "bf16"; memory?: Partial<NativeMemoryPlan>; training?: NativeTraining };

async function make({ ring = 1, memory = {}, training = {}, ...given }: Given): Promise<NativeEngine> {
  const engine = loadAddon().createEngine({
    ...{ device, threads: Math.max(ring, 2), ring, training },
    model: {
      ...{ vocabSize: size.vocab, hiddenSize: size.hidden, intermediateSize: size.intermediate, layers: size.layers },
      ...{ heads: size.heads, kvHeads: size.kvHeads, headDim, rmsNormEps: 1e-5, tieWordEmbeddings: false },
    },
    memory: {
      maxTokens: 2 * most * Math.ceil(size.tokens / (2 * most)),
      ...{ train: true, checkpointEvery: 1, lossChunk: 512, kvCacheTokens: 0, dtype: given.dtype ?? dtype },
      ...memory,
    },
  });
  engine.setRope(
    Float64Array.from({ length: headDim / 2 }, (_, pair) => 10_000 ** ((-2 * pair) / headDim)),
    1,
  );
  await engine.initialize(5, Math.sqrt(2 / size.hidden)); // scores of attention are then a few units apart
  return engine;
}

/** Documents begin where no chunk does; the longest reaches over many. */
function batch(tokens: number, shift: number): NativeBatch & { weights: Float32Array } {
  const starts = [0, 0.07, 0.11, 0.83].map((part) => Math.floor(part * tokens));
  const ids = Int32Array.from({ length: tokens }, (_, t) => (t * t + shift * t + (t >> 3)) % size.vocab);
  const own = ids.map((_, t) => starts.findLast((start) => start <= t)!);
  return {
    ids,
    starts: own,
    positions: ids.map((_, t) => t - own[t]!),
    targets: ids.map((_, t) => (own[t + 1] === own[t] ? ids[t + 1]! : -100)),
    weights: new Float32Array(tokens).fill(1 / tokens),
  };
}

interface Computed {
  loss: number;
  logits: Float32Array;
  gradients: Map<string, Float32Array>;
}

async function compute(given: Given): Promise<Computed> {
  const engine = await make(given);
  const sequence = batch(size.tokens, 1);
  const logits = await engine.logits(sequence, 0, size.tokens);
  const loss = lossOf((await engine.accumulate(sequence)).nll, sequence);
  const gradients = await readAll(engine, "gradient");
  await engine.close();
  return { loss, logits, gradients };
}

/** Relative to the second. */
const error = (ours: Float32Array, theirs: Float32Array) =>
  norm(ours.map((value, i) => value - theirs[i]!)) / norm(theirs);

/** How far one is from another: losses and logits, and the gradient that is furthest. */
function apart(one: Computed, other: Computed) {
  let [gradients, worst] = [0, ""];
  for (const [name, gradient] of other.gradients) {
    const off = error(one.gradients.get(name)!, gradient);
    if (!(off <= gradients)) [gradients, worst] = [off, name];
  }
  return { loss: Math.abs(one.loss / other.loss - 1), logits: error(one.logits, other.logits), gradients, worst };
}

/** Like `apart`, as measures; a loss is allowed what logits are. */
function measures(off: ReturnType<typeof apart>, logits: number, gradients: number, from = ""): Measure[] {
  return [
    { what: `loss${from}`, off: off.loss, allowed: logits },
    { what: `logits${from}`, off: off.logits, allowed: logits },
    { what: `gradients${from}`, off: off.gradients, allowed: gradients, note: off.worst },
  ];
}

/** Digests of scores and gradients of two steps of two micro batches, and of the weights and moments after them. */
async function train(given: Given): Promise<Map<string, string>> {
  const engine = await make(given);
  const bits = new Map<string, string>();
  const losses = new Map<string, Float32Array>();
  for (const step of [1, 2]) {
    for (const micro of [0, 1]) {
      const { nll } = await engine.accumulate(batch(size.tokens - 7 * micro, step + micro));
      losses.set(`${step}.${micro}`, nll);
    }
    if (step === 2) bits.set("gradients", digest(await readAll(engine, "gradient")));
    await engine.step({ ...HYPER, step });
  }
  bits.set("scores", digest(losses)).set("weights", digest(await readAll(engine, "value")));
  for (const slot of ["adam_m", "adam_v"] as const) {
    const moments = new Map<string, Float32Array>();
    for (const { name } of engine.parameters()) moments.set(name, await engine.read(name, slot));
    bits.set(slot, digest(moments));
  }
  await engine.close();
  return bits;
}

/** What differs between the two. */
const differing = (ours: Map<string, string>, theirs: Map<string, string>) =>
  [...theirs.keys()].filter((what) => ours.get(what) !== theirs.get(what));

const words = `${dtype === "f32" ? "fp32" : "bf16"}, heads of ${headDim}`;

/** Rings beside one rank. */
async function rings(): Promise<void> {
  const exact = dtype === "bf16" ? await compute({ dtype: "f32" }) : null;
  const before = loadAddon().cudaAttention();
  const one = await compute({});
  const rounding = exact && apart(one, exact);
  for (const ring of size.rings) {
    await row(`${words}: a ring of ${ring} as one rank`, async () => {
      const many = await compute({ ring });
      if (!exact || !rounding) return measures(apart(many, one), 1e-5, 1e-4);
      const [logits, gradients] = [1.5 * rounding.logits, 1.5 * rounding.gradients];
      if (rounding.logits < 1e-4) throw new Error("one rank in bf16 is as exact as fp32: bf16 was not used");
      return [
        ...measures(apart(many, one), logits, gradients),
        ...measures(apart(many, exact), logits, gradients, " from fp32"),
      ];
    });
  }
  if (dtype === "bf16" && headDim >= 64)
    await row(`${words}: gradients of queries in any order`, async () => {
      const free = await compute({ training: { deterministic: false } });
      return measures(apart(free, one), 1.5 * rounding!.logits, 1.5 * rounding!.gradients);
    });
  if (device === "cuda") kernels(before);
}

/** Which kernels took the calls since `before`: on Hopper, in bf16 and for heads that they can take, its own. */
function kernels(before: string): void {
  const count = (text: string) => {
    const [forward = "", backward = ""] = text.split(";");
    return [forward, backward].map(
      (half) => new Map([...half.matchAll(/(\S+) (\d+)/g)].map(([, name, calls]) => [name!, Number(calls)])),
    );
  };
  const [then, now] = [count(before), count(loadAddon().cudaAttention())];
  const told = now.map((half, i) =>
    [...half]
      .map(([name, calls]) => [name, calls - (then[i]!.get(name) ?? 0)] as const)
      .filter(([, calls]) => calls > 0),
  );
  const text = ["forward", "backward"]
    .map((way, i) => `${way} ${told[i]!.map(([name, calls]) => `${name} ${calls}`).join(", ") || "none"}`)
    .join("; ");
  const hopper =
    loadAddon().describe().cuda.devices[0]?.capability === "9.0" &&
    dtype === "bf16" &&
    (headDim === 64 || headDim === 128);
  const own = told.every((half) => half.length > 0 && half.every(([name]) => name.startsWith("sm90")));
  say(`${words}: kernels of attention in rings`, hopper ? (own ? "PASS" : "FAIL") : "INFO", text);
}

/** What must leave every bit as it is. */
async function bits(): Promise<void> {
  for (const ring of [1, most >= 4 ? 4 : 2]) {
    const where = `${words}, ${ring === 1 ? "one rank" : `${ring} ranks`}`;
    const plain = await train({ ring });
    const compared = (what: string, ours: Map<string, string>): Measure => {
      const found = differing(ours, plain);
      return { what, off: found.length, allowed: 0, note: found.join(", ") };
    };
    await row(`${where}: the same bits again`, async () => [
      compared([...plain.keys()].join(", "), await train({ ring })),
    ]);
    const variants: [string, Partial<NativeMemoryPlan>][] = [
      ["layers kept, not computed again", { checkpointEvery: 0 }],
      ["moments in the host's memory", { moments: "host" }],
      ["layer inputs there", { offload: { to: "host" } }],
      ["gradients there", { gradients: "host" }],
      ["all three there", { moments: "host", offload: { to: "host" }, gradients: "host" }],
      ["matrices held as products read them", { weights: "bf16" }],
      ["their masters in the host's memory", { weights: "bf16", moments: "host" }],
      ["attention by groups of heads", { headGroups: size.kvHeads }],
    ];
    // A ring keeps its gradients. In bf16 a group's gradient is rounded before products that a whole one is rounded in; in fp32 no matrix is.
    const chosen = variants.filter(
      ([, { gradients, headGroups, weights }]) =>
        !(gradients && ring > 1) && !(dtype === "bf16" ? headGroups : weights),
    );
    await row(`${where}: the same bits however memory is used`, async () => {
      const found: Measure[] = [];
      for (const [what, memory] of chosen) found.push(compared(what, await train({ ring, memory })));
      return found;
    });
    if (dtype === "bf16")
      await row(`${where}: attention by groups of heads`, async () =>
        measures(
          apart(await compute({ ring, memory: { headGroups: size.kvHeads } }), await compute({ ring })),
          4e-3,
          4e-3,
        ),
      );
  }
}

try {
  await rings();
  await bits();
} catch (error) {
  say(words, "FAIL", error instanceof Error ? error.message : String(error));
}
process.exitCode = status();
