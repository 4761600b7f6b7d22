/**
 * node golden_models.js [--device cuda|cpu] [--dtype f32|bf16] [--case NAME]…
 *
 * The models of test/golden on a device: a row for each family, with logits, loss and gradients beside what transformers computed, of a plain sequence and
 * of two documents in a row, whichever is further off; in fp32 the greedy continuation, too. Rows of their own have adapters, and five steps of
 * AdamW. Started in the repository's root, or in an unpacked pack.
 *
 * What is allowed is what the CPU is held to (test/engine/oracle.test.ts, training.test.ts). fp32: absolute errors of logits and loss, and of gradients relative
 * to their root mean square. bf16: twice the error of transformers in bf16 on the same model (test/golden/bf16_errors.json), for it rounds in as
 * many places. A loss is one number of either sign, by chance near or far, so that its error is held against theirs over all models, and three times
 * that, for there are thirty of them here, or twice theirs of the same model. Five steps of AdamW may be twice as far off as on the CPU, which uses up half of what it may. A continuation in
 * bf16 may be another: the best two tokens can be nearer than rounding.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { NativeEngine } from "../../runtime/engine/addon.ts";
import { loadAddon } from "../../runtime/engine/load.ts";
import { readSafetensors } from "../../runtime/engine/safetensors.ts";
import {
  CASES,
  caseFolder,
  distance,
  type Golden,
  type GoldenEntries,
  type GoldenSequence,
  gradientError,
  norm,
  readGolden,
} from "../engine/golden.ts";
import { goldenEngine, lossAndGradients, lossOf, type Overrides, toBatch } from "../engine/native.ts";
import { type Measure, row, say, status } from "./row.ts";

type Dtype = "f32" | "bf16";
type Entries = { [parameter: string]: GoldenEntries };

const { values } = parseArgs({
  options: {
    device: { type: "string", default: "cuda" },
    dtype: { type: "string", default: "f32" },
    case: { type: "string", multiple: true },
  },
});
const device = values.device === "cpu" ? "cpu" : "cuda";
const dtype: Dtype = values.dtype === "bf16" ? "bf16" : "f32";
const cases: readonly string[] = values.case ?? CASES;

/** Of transformers in bf16 against itself in float32. */
const bf16Errors = JSON.parse(readFileSync(join("test", "golden", "bf16_errors.json"), "utf8")) as {
  [name: string]: { logits: number; gradients: number; loss: number };
};
const rms = (numbers: number[]) => norm(numbers) / Math.sqrt(numbers.length);
const lossError = rms(Object.values(bf16Errors).map(({ loss }) => loss));
/** What a model's loss may be off. */
const ofLoss = (name: string) => (dtype === "f32" ? 1e-5 : Math.max(3 * lossError, 2 * bf16Errors[name]!.loss));

const make = (name: string, { memory, ...rest }: Overrides = {}) =>
  goldenEngine(name, { ...rest, device, memory: { ...memory, dtype } });

/** The gradient that is furthest off, in fp32; over all of them, in bf16: there, rounding makes a single entry as wrong as chance has it. */
function gradients(ours: Map<string, Float32Array>, expected: Entries, allowed: number): Measure {
  const names = Object.keys(expected);
  const missing = [
    ...names.filter((name) => !ours.has(name)),
    ...[...ours.keys()].filter((name) => !(name in expected)),
  ];
  if (missing.length > 0) throw new Error(`gradients of ${missing.join(", ")} are on one side alone`);
  if (dtype === "bf16") {
    const entries = names.flatMap((name) => {
      const { norm: length, at, values: wanted } = expected[name]!;
      const gradient = ours.get(name)!;
      return at.map((index, i) => ((gradient[index]! - wanted[i]!) * Math.sqrt(gradient.length)) / length);
    });
    return { what: "gradients", off: rms(entries), allowed };
  }
  const errors = names.map((name): [number, string] => [gradientError(ours.get(name)!, expected[name]!), name]);
  const [off, note] = errors.reduce((worst, one) => (one[0] > worst[0] ? one : worst));
  return { what: "gradients", off, allowed: 1e-3, note };
}

/** Rows of logits: their largest error in fp32, relative over all of them in bf16. */
async function logits(engine: NativeEngine, sequence: GoldenSequence, allowed: number): Promise<Measure> {
  const tokens = sequence.ids.length;
  const all = await engine.logits(toBatch(sequence), 0, tokens);
  const width = all.length / tokens;
  const ours = sequence.rows.flatMap((line) => [...all.subarray(line * width, (line + 1) * width)]);
  if (dtype === "f32") return { what: "logits", off: distance(ours, sequence.logits), allowed: 2e-4 };
  return {
    what: "logits",
    off: norm(ours.map((logit, i) => logit - sequence.logits[i]!)) / norm(sequence.logits),
    allowed,
  };
}

/** Of what was measured twice, the worse. */
function worst(measures: Measure[]): Measure[] {
  const found = new Map<string, Measure>();
  for (const measure of measures)
    if (!(measure.off <= (found.get(measure.what)?.off ?? -1))) found.set(measure.what, measure);
  return [...found.values()];
}

/** In bf16 the logits can't be as good as in fp32: else it was not used. */
function used(measures: Measure[]): Measure[] {
  if (dtype === "bf16" && measures[0]!.off < 1e-4)
    throw new Error("the logits are as exact as in fp32: bf16 was not used");
  return measures;
}

async function family(name: string, golden: Golden): Promise<Measure[]> {
  const theirs = bf16Errors[name]!;
  const { prompt, new: continuation } = golden.generate;
  const engine = await make(name, { memory: { kvCacheTokens: dtype === "f32" ? prompt + continuation.length : 0 } });
  const measures: Measure[] = [];
  for (const sequence of [golden.plain, golden.packed]) {
    const said = await lossAndGradients(engine, sequence);
    measures.push(
      await logits(engine, sequence, 2 * theirs.logits),
      gradients(said.gradients, sequence.gradients, 2 * theirs.gradients),
      { what: "loss", off: Math.abs(said.loss - sequence.loss), allowed: ofLoss(name) },
    );
  }
  if (dtype === "f32") {
    const ours = await engine.generate(Int32Array.from(golden.plain.ids.slice(0, prompt)), continuation.length, []);
    const differ =
      continuation.filter((token, i) => token !== ours[i]).length + Math.abs(ours.length - continuation.length);
    measures.push({ what: `${continuation.length} greedy tokens`, off: differ, allowed: 0 });
  }
  await engine.close();
  return worst(used(measures));
}

async function adapters(name: string, { plain, lora }: Golden): Promise<Measure[]> {
  const { rank, alpha, targets, also, loss, gradients: expected } = lora!;
  const engine = await make(name, { training: { lora: { rank, alpha, targets, seed: 1 }, alsoTrain: also } });
  await engine.load(await readSafetensors(join(caseFolder(name), "adapter.safetensors")), "value", true);
  const said = await lossAndGradients(engine, plain);
  const merged = await make(name, { memory: { train: false } });
  for (const { name: parameter } of merged.parameters())
    await merged.write(parameter, "value", await engine.read(parameter, "merged"));
  const batch = toBatch(plain);
  const alone = lossOf((await merged.score(batch)).nll, batch);
  await Promise.all([engine.close(), merged.close()]);
  return [
    gradients(said.gradients, expected, 2 * bf16Errors[name]!.gradients),
    { what: "loss", off: Math.abs(said.loss - loss), allowed: ofLoss(name) },
    { what: "loss of merged weights", off: Math.abs(alone - loss), allowed: ofLoss(name) },
  ];
}

/** Losses and norms of gradients step by step, and weights at the end, in units of the learning rate: AdamW turns the sign of a tiny gradient into a whole step. */
async function adamw(name: string, { plain, adamw: steps }: Golden): Promise<Measure[]> {
  const { lr, eps, clip, weight_decay: weightDecay, betas, losses, norms, parameters } = steps!;
  const engine = await make(name);
  const batch = toBatch(plain);
  const off = { losses: 0, norms: 0, weights: 0 };
  for (const [index, loss] of losses.entries()) {
    const { nll } = await engine.accumulate(batch);
    off.losses = Math.max(off.losses, Math.abs(lossOf(nll, batch) - loss));
    const hyper = {
      lr,
      beta1: betas[0],
      beta2: betas[1],
      eps,
      weightDecay,
      clipNorm: clip,
      step: index + 1,
      loraPlusRatio: 1,
    };
    off.norms = Math.max(off.norms, Math.abs((await engine.step(hyper)).gradNorm / norms[index]! - 1));
  }
  for (const [parameter, { at, values: wanted }] of Object.entries(parameters)) {
    const ours = await engine.read(parameter, "value");
    const sampled = at.map((index) => ours[index]!);
    off.weights = Math.max(off.weights, distance(sampled, wanted) / lr);
  }
  await engine.close();
  return [
    { what: "losses", off: off.losses, allowed: 2e-4 },
    { what: "norms of gradients", off: off.norms, allowed: 2e-4 },
    { what: "weights", off: off.weights, allowed: 0.02 },
  ];
}

const words = dtype === "f32" ? "fp32" : "bf16";
for (const name of cases) {
  const golden = readGolden(name);
  await row(`${name}, ${words}`, () => family(name, golden));
  if (golden.lora) await row(`${name}, ${words}, adapters`, () => adapters(name, golden));
  if (golden.adamw && dtype === "f32") await row(`${name}, ${words}, AdamW`, () => adamw(name, golden));
}
if (device === "cuda") say(`attention of models in ${words}`, "INFO", loadAddon().cudaAttention());
process.exitCode = status();
