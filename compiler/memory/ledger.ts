import { visitParameters } from "../model/parameter_list.ts";
import type { ModelShape } from "../model/parameters.ts";
import type { PlanLedger } from "../plan.ts";

/**
 * The memory of an engine, to the byte, before anything is allocated. Mirrors native/model/layout.cc region by region; a
 * test holds the two against each other. Tokens n are those of one ring rank. Activations are fp32 or bf16, as `dtype`
 * says; all other numbers are fp32 or int32 (4 bytes), but for frozen matrices beside bf16.
 *
 *   weights      parameters and adapters; beside activations in bf16 matrices that nobody trains, or that have masters, are bf16.
 *                Where ranks divide them, one's part and room for a layer and the largest unit: a layer or an embedding
 *   gradients    trained parameters, once for each ring rank in this memory; of layers whose gradients wait in the host's, two layers' places;
 *                where ranks divide them, one's part and room for a layer and the largest unit
 *   optimizer    AdamW's two moments of the trained parameters, and their masters, or what they pass through from the host's memory
 *   activations  per saved layer  q, k, v, o, x2, lse, two rstd (and gate, up where all is kept); inputs of unsaved layers
 *   checkpoints  inputs of every n-th layer
 *   logits       loss_chunk × (vocab + hidden)
 *   workspace    one layer's scratch, the RoPE table, token lists, ring buffers
 *   kv_cache     layers × 2 × kv_heads × head_dim × tokens
 *
 * Not in it: the kernels' working memory (scratch.ts; it depends on the machine's threads) and the process itself.
 */

/** What decides the arena's size. */
export interface LedgerOptions {
  /** Tokens of one micro batch: rows × length. Must divide by 2 × ring when ring > 1. */
  maxTokens: number;
  /** false: forward only. */
  train: boolean;
  lora?: { rank: number; targets: readonly string[] };
  /** Parts of parameter names trained besides the adapters. */
  alsoTrain?: readonly string[];
  /** 0 keeps all activations; n saves every n-th layer's input and recomputes. */
  checkpointEvery: number;
  /** Rows of logits formed at once. */
  lossChunk: number;
  kvCacheTokens: number;
  /** Rows of the MLP computed at once; 0: all. Default: 1024. */
  mlpTile?: number;
  /** Groups of heads whose attention is computed one after the other; divides `kv_heads`. Default: 1. */
  headGroups?: number;
  /** Layer inputs but the last two wait outside the arena. Default: false. */
  offload?: boolean;
  /** The layers' gradients wait in the host's memory; of one rank that trains all weights. Default: false. */
  hostGradients?: boolean;
  /** The moments wait in the host's memory. Default: false. */
  hostMoments?: boolean;
  /** Beside bf16: trained matrices are bf16 too, and the fp32 numbers that learn lie with the moments. Default: false. */
  masters?: boolean;
  /** Of activations and of the key-value cache. Default: f32. */
  dtype?: "f32" | "bf16";
  /** Ranks that a sequence is cut over. */
  ring: number;
  /** Ranks that share this memory; default: all (threads of one process). 1 when every rank has a device of its own. */
  ranksHere?: number;
  /** Processes that the moments are divided over (native/model/engine_processes.cc). Default: 1. */
  shares?: number;
  /** They divide weights and gradients too (native/model/divided_weights.h). Default: false. */
  sharded?: boolean;
}

/** What of them decides which parameters there are and which learn. */
export type Learning = Pick<LedgerOptions, "lora" | "alsoTrain">;

/** Regions begin at multiples of 64 bytes. */
const aligned = (numbers: number) => Math.ceil(numbers / 16) * 16;
const wholeRegions = (count: number) => Math.ceil(count / 64) * 64;
const bytes = (...regions: number[]) => regions.reduce((sum, numbers) => sum + 4 * aligned(numbers), 0);
/** Bytes of regions of activations. */
const activationRegions =
  ({ dtype }: LedgerOptions) =>
  (...regions: number[]) =>
    bytes(...regions.map((numbers) => (dtype === "bf16" ? Math.ceil(numbers / 2) : numbers)));

/** Moments in the host's memory pass the device through room for twice a sixteenth of their numbers, at most twice so many. */
const MOMENTS_AT_ONCE = 2 ** 22;

/** Bytes by term; `total` is what the engine allocates. */
export function deviceLedger(model: ModelShape, options: LedgerOptions): PlanLedger {
  const { ring, lossChunk, ranksHere = ring, shares = 1 } = options;
  const { vocab_size: vocab, hidden_size: hidden } = model;
  const { adapterWidth } = parameterNumbers(model, options);
  const n = ranksTokens(options);
  const moment = momentNumbers(model, options);
  const gradients = 4 * shares * moment - waitingGradients(model, options).freed;
  const window = Math.min(MOMENTS_AT_ONCE, aligned(Math.ceil(moment / 16)));
  const { activations, checkpoints } = activationBytes(model, options, n);
  const parts = options.sharded ? dividedNumbers(model, options, shares) : null;
  const terms = {
    weights: parts ? parts.weights / shares + parts.layer + parts.largest : weightBytes(model, options),
    gradients: parts ? 4 * (parts.trained / shares + parts.layerTrained + parts.largestTrained) : ranksHere * gradients,
    optimizer: momentBytes(options) * (options.hostMoments ? 2 * window : moment),
    activations: ranksHere * activations,
    checkpoints: ranksHere * checkpoints,
    logits: ranksHere * (bytes(lossChunk * vocab) + activationRegions(options)(lossChunk * hidden)),
    workspace: ranksHere * workspaceBytes(model, options, n, adapterWidth),
    kv_cache: activationRegions(options)(2 * model.layers * model.kv_heads * model.head_dim * options.kvCacheTokens),
  };
  return { ...terms, total: Object.values(terms).reduce((sum, term) => sum + term, 0) };
}

/** Where activations are bf16 every product rounds its matrices: frozen ones are held so, and those that have masters (native/model/parameters.cc). */
function weightBytes(model: ModelShape, options: LedgerOptions): number {
  const { weights, beside } = parameterNumbers(model, options);
  if (options.dtype !== "bf16") return bytes(weights);
  return options.train && !options.masters ? beside.training : beside.scoring;
}

/** Numbers of each moment on one of so many devices that divide them: shares are equal, and whole regions. */
function momentNumbers(model: ModelShape, options: LedgerOptions): number {
  const { train, shares = 1 } = options;
  if (train && options.sharded) return dividedNumbers(model, options, shares).trained / shares;
  return train ? 16 * Math.ceil(parameterNumbers(model, options).trained / (16 * shares)) : 0;
}

/** Bytes of a number that learns: two moments, and its master where it has one. */
function momentBytes({ masters = false }: LedgerOptions): number {
  return 4 * (masters ? 3 : 2);
}

/** Bytes of both moments, and of masters, that wait in the host's memory for one device. */
export function hostMomentBytes(model: ModelShape, options: LedgerOptions): number {
  return options.hostMoments ? momentBytes(options) * momentNumbers(model, options) : 0;
}

/** Bytes of the layers' gradients that wait in the host's memory, and by how much less the arena holds: two layers' places stay. */
function waitingGradients(model: ModelShape, options: LedgerOptions): { held: number; freed: number } {
  const { layers } = model;
  if (!options.hostGradients || !options.train || layers <= 2) return { held: 0, freed: 0 };
  const layer = 4 * parameterNumbers(model, options).layer;
  return { held: layers * layer, freed: (layers - 2) * layer };
}

/** Bytes of gradients that wait in the host's memory. */
export function hostGradientBytes(model: ModelShape, options: LedgerOptions): number {
  return waitingGradients(model, options).held;
}

/**
 * Bytes of weights that so many devices divide (ZeRO-3, 1910.02054, section 5.3) and numbers of their gradients, with what fills each unit's up to
 * equal parts; of the largest unit, and of the largest layer, the same. What travels whole is the embedding, a layer, or the final norm with the output
 * layer.
 */
function dividedNumbers(model: ModelShape, options: LedgerOptions, shares: number) {
  const whole = 16 * shares;
  const padded = (numbers: number) => whole * Math.ceil(numbers / whole);
  const sum = { weights: 0, largest: 0, layer: 0, trained: 0, largestTrained: 0, layerTrained: 0 };
  for (const [index, unit] of parameterNumbers(model, options).units.entries()) {
    const trained = padded(unit.trained);
    const all = 4 * (trained + padded(unit.frozen[options.dtype ?? "f32"] / 4));
    sum.weights += all;
    sum.trained += trained;
    sum.largest = Math.max(sum.largest, all);
    sum.largestTrained = Math.max(sum.largestTrained, trained);
    if (index === 0 || index > model.layers) continue;
    sum.layer = Math.max(sum.layer, all);
    sum.layerTrained = Math.max(sum.layerTrained, trained);
  }
  return sum;
}

/** Bytes less that weights take beside activations in bf16 where those that learn are rounded too. */
export function roundedAway(model: ModelShape, learning: Learning): number {
  const { training, scoring } = parameterNumbers(model, learning).beside;
  return training - scoring;
}

/** Numbers that learn, adapters among them, with what fills their regions up. */
export function trainedNumbers(model: ModelShape, learning: Learning): number {
  return parameterNumbers(model, learning).trained;
}

function widths({ heads, kv_heads: kvHeads, head_dim: headDim }: ModelShape) {
  const q = heads * headDim;
  const kv = kvHeads * headDim;
  return { q, kv, qkv: q + 2 * kv };
}

/** Bytes of layer inputs that wait outside the arena, of all ranks that share this memory. */
export function offloadedBytes(model: ModelShape, options: LedgerOptions): number {
  const n = ranksTokens(options);
  const { ranksHere = options.ring } = options;
  return ranksHere * savedInputs(model, options).outside * activationRegions(options)(n * model.hidden_size);
}

/** Most tokens of one rank. */
export function ranksTokens({ ring, maxTokens }: LedgerOptions): number {
  return ring === 1 ? maxTokens : 2 * Math.ceil(maxTokens / (2 * ring));
}

/** Inputs of every n-th layer, in the arena and outside of it (native/model/offload.cc). */
function savedInputs({ layers }: ModelShape, { train, checkpointEvery, offload }: LedgerOptions) {
  const saved = train && checkpointEvery > 0 ? Math.ceil(layers / checkpointEvery) : 0;
  const outside = offload ? Math.max(0, saved - 2) : 0;
  return { inside: saved - outside, outside };
}

/** Saved activations and checkpoints of one rank. */
function activationBytes(model: ModelShape, options: LedgerOptions, n: number) {
  const { layers, heads, hidden_size: hidden, intermediate_size: ffn } = model;
  const { q, qkv } = widths(model);
  const saved = activationRegions(options);
  const every = options.train ? options.checkpointEvery : 0;
  const keepsAll = options.train && every === 0;
  const slots = !options.train ? 1 : keepsAll ? layers : Math.min(every, layers);
  const layer = bytes(n, n * heads, n) + saved(n * qkv, n * q, n * hidden) + (keepsAll ? saved(n * 2 * ffn) : 0);
  const inputs = !options.train ? 1 : (keepsAll ? layers : Math.min(every, layers) - 1) + 1;
  return {
    activations: slots * layer + inputs * saved(n * hidden) + bytes(n),
    checkpoints: savedInputs(model, options).inside * saved(n * hidden),
  };
}

/** Scratch of one rank. */
function workspaceBytes(model: ModelShape, options: LedgerOptions, n: number, adapterWidth: number): number {
  const { hidden_size: hidden, intermediate_size: ffn, head_dim: headDim } = model;
  const { train, checkpointEvery, lossChunk, mlpTile = 1024, headGroups = 1 } = options;
  const { q, qkv } = widths(model);
  const activation = activationRegions(options);
  const tile = mlpTile === 0 ? n : Math.min(n, mlpTile);
  const tokenLists = (model.window ? 7 : 6) * bytes(n);
  const normalized = model.qk_norm ? model.heads + model.kv_heads : 0;
  return (
    activation(n * Math.max(hidden, q), tile * ffn) +
    bytes(n * adapterWidth, n * normalized) +
    activation(n * normalized * headDim) +
    (train && checkpointEvery === 0 ? 0 : activation(tile * 2 * ffn)) +
    (train ? bytes(n * hidden, (n * qkv) / headGroups, n * adapterWidth) + activation(tile * ffn) : 0) +
    bytes((n * headDim) / 2, (n * headDim) / 2, headDim) +
    tokenLists +
    bytes(lossChunk, Math.ceil(lossChunk / 4)) +
    ringBytes(model, options, n)
  );
}

/**
 * Of a group of heads: keys and values at hand and arriving; forward also the merged output in fp32 where activations are bf16, backward
 * the gradients of keys and values, at hand, arriving and leaving, and delta. The two share their place.
 */
function ringBytes(model: ModelShape, options: LedgerOptions, n: number): number {
  const { ring, train, dtype, headGroups = 1 } = options;
  const all = widths(model);
  const [q, kv, heads] = [all.q / headGroups, all.kv / headGroups, model.heads / headGroups];
  const travels = ring > 1 ? 2 * activationRegions(options)(2 * n * kv) : 0;
  const forward = travels + (ring > 1 && dtype === "bf16" ? bytes(n * q) : 0);
  const backward = travels + (ring > 1 ? 3 * bytes(2 * n * kv) : 0) + bytes(n * heads);
  return train ? Math.max(forward, backward) : forward;
}

interface ParameterNumbers {
  weights: number;
  trained: number;
  /** Bytes of weights beside activations in bf16. */
  beside: { training: number; scoring: number };
  /** Trained ones of one layer, without adapters. */
  layer: number;
  adapterWidth: number;
  /** The embedding, each layer with its adapters, the final norm with the output layer: numbers that are trained, bytes of the others by activations. */
  units: { trained: number; frozen: { f32: number; bf16: number } }[];
}

/** Of each model the last answer: a search for a layout asks hundreds of times about the same parameters. */
const counted = new WeakMap<ModelShape, { learning: Learning; numbers: ParameterNumbers }>();

/** Numbers in the arenas of weights and of trained parameters, and the widest x Aᵀ. */
function parameterNumbers(model: ModelShape, options: Learning): ParameterNumbers {
  const known = counted.get(model);
  if (known && sameLearning(known.learning, options)) return known.numbers;
  const { lora, alsoTrain } = options;
  const learning = { ...(lora && { lora }), ...(alsoTrain && { alsoTrain }) };
  const numbers = countNumbers(model, learning);
  counted.set(model, { learning, numbers });
  return numbers;
}

function sameLearning(a: Learning, b: Learning): boolean {
  const same = (some: readonly string[] = [], others: readonly string[] = []) =>
    some === others || (some.length === others.length && some.every((name, k) => name === others[k]));
  const adapters =
    a.lora && b.lora ? a.lora.rank === b.lora.rank && same(a.lora.targets, b.lora.targets) : a.lora === b.lora;
  return adapters && same(a.alsoTrain, b.alsoTrain);
}

function countNumbers(model: ModelShape, { lora, alsoTrain = [] }: Learning): ParameterNumbers {
  let weights = 0;
  let trained = 0;
  const beside = { training: 0, scoring: 0 };
  const layers: number[] = [];
  const learns = (name: string) => !lora || alsoTrain.some((pattern) => name.includes(pattern));
  const units = Array.from({ length: model.layers + 2 }, () => ({ trained: 0, frozen: { f32: 0, bf16: 0 } }));
  /** Those that lie without a gap, which one product reads: one that is trained takes the others with it, to fp32 and to where a unit's trained ones are. */
  let run = { unit: units[0]!, numbers: 0, learns: false, matrix: false };
  const endRun = () => {
    const { unit, numbers, learns, matrix } = run;
    const rounded = matrix ? 2 : 4;
    weights = aligned(weights) + numbers;
    beside.training = wholeRegions(beside.training) + (learns ? 4 : rounded) * numbers;
    beside.scoring = wholeRegions(beside.scoring) + rounded * numbers;
    if (learns) {
      unit.trained = aligned(unit.trained) + numbers;
      return;
    }
    unit.frozen.f32 = wholeRegions(unit.frozen.f32) + 4 * numbers;
    unit.frozen.bf16 = wholeRegions(unit.frozen.bf16) + rounded * numbers;
  };
  const adapterWidth = visitParameters(model, lora, ({ name, numbers, joined, adapter, matrix = false }) => {
    if (!joined) {
      trained = aligned(trained);
      endRun();
      run = { unit: units[unitOf(name, model)]!, numbers: 0, learns: false, matrix };
    }
    if (name.endsWith(".q_proj.weight")) layers.push(trained);
    run.numbers += numbers;
    if (!adapter && !learns(name)) return;
    trained += numbers;
    run.learns = true;
  });
  endRun();
  const layer = (layers[1] ?? 0) - (layers[0] ?? 0);
  beside.training = wholeRegions(beside.training);
  beside.scoring = wholeRegions(beside.scoring);
  return { weights: aligned(weights), trained: aligned(trained), beside, layer, adapterWidth, units };
}

/** Which unit of divided weights a parameter comes with. */
function unitOf(name: string, { layers }: ModelShape): number {
  if (name.startsWith("model.embed_tokens.")) return 0;
  const layer = /^model\.layers\.(\d+)\./.exec(name)?.[1];
  return layer === undefined ? layers + 1 : Number(layer) + 1;
}
