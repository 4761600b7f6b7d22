import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { readModelConfig } from "../../compiler/model/index.ts";
import type { PlanModel, PlanRope } from "../../compiler/plan.ts";
import { refusePlannedModel } from "../run/refuse_planned.ts";
import type { NativeBatch, NativeEngine, NativeTensorSource } from "./addon.ts";
import { documentPositions, documentStarts } from "./documents.ts";
import { loadAddon } from "./load.ts";
import { loadWeights } from "./load_weights.ts";
import { modelShape } from "./model_shape.ts";
import { readWeights } from "./safetensors.ts";

/** How `Engine.load` computes. */
export interface EngineLoadOptions {
  /** Default: cpu. */
  device?: "cpu" | "cuda";
  /** Default: the cores that this process may use. */
  threads?: number;
  /**
   * Dtype of the operands of matrix products and of what layers hand to each other, whatever the checkpoint's dtype; weights,
   * sums and the loss are f32. Default: f32.
   */
  dtype?: "f32" | "bf16";
  /** Frequency table to use instead of the one that config.json asks for. */
  rope?: Pick<PlanRope, "inv_freq" | "attention_factor">;
}

/** What a sequence has besides its tokens. */
export interface SequenceOptions {
  /** [T] RoPE positions; default: counted from 0 in each document. */
  positions?: ArrayLike<number>;
  /** First token of each document, or one document number per token: tokens see only their own document. Default: one document. */
  documents?: ArrayLike<number>;
}

/** How far `Engine.generate` goes. */
export interface GenerateOptions {
  maxNewTokens: number;
  /** Token ids that end the continuation; default: the model's eos_token_id. */
  stop?: readonly number[];
}

/** Entry of `targets` for a token that predicts nothing. */
const IGNORED = -100;

/** Options with their defaults filled in. */
interface Resolved {
  device: "cpu" | "cuda";
  threads: number;
  rope: Pick<PlanRope, "inv_freq" | "attention_factor">;
  dtype: "f32" | "bf16";
}

/** What the native engine at hand was made for. */
interface Capacity {
  tokens: number;
  cache: number;
  train: boolean;
}

/**
 * A Llama-family model from a Hugging Face folder, computed natively. Calls run one after the other on the engine's own
 * thread. Memory grows with the longest sequence seen, and while gradients are asked for; `close` gives it back.
 */
export class Engine {
  readonly model: PlanModel;
  readonly #weights: NativeTensorSource[];
  readonly #options: Resolved;
  #native: NativeEngine | null = null;
  #capacity: Capacity = { tokens: 0, cache: 0, train: false };
  /** Calls wait for each other, since one of them may replace the native engine. */
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor(model: PlanModel, weights: NativeTensorSource[], options: Resolved) {
    this.model = model;
    this.#weights = weights;
    this.#options = options;
  }

  /**
   * Reads `config.json` and `model.safetensors` (or shards) of a folder.
   *
   * @throws Error naming file, key or tensor when the folder does not hold a model that can be computed
   */
  static async load(folder: string, options: EngineLoadOptions = {}): Promise<Engine> {
    const { device = "cpu", threads = loadAddon().describe().cores, dtype = "f32" } = options;
    if (dtype !== "f32" && dtype !== "bf16") throw new Error(`dtype must be f32 or bf16, not ${JSON.stringify(dtype)}`);
    const model = await readConfig(folder);
    const rope = options.rope ?? model.rope;
    const engine = new Engine(model, await readWeights(folder, model), { device, threads, rope, dtype });
    await engine.#prepare({ tokens: 1, cache: 0, train: false });
    return engine;
  }

  /** Logits of every token. @returns [T × vocab], row-major */
  logits(ids: ArrayLike<number>, options: SequenceOptions = {}): Promise<Float32Array> {
    return this.#enqueue(async () => {
      const batch = toBatch(ids, options);
      const native = await this.#prepare({ tokens: ids.length, cache: 0, train: false });
      return native.logits(batch, 0, ids.length);
    });
  }

  /**
   * Mean cross-entropy in nats over the targets that are not -100.
   *
   * @param targets [T] `targets[t]` is the token to predict after `ids[t]`
   */
  loss(ids: ArrayLike<number>, targets: ArrayLike<number>, options: SequenceOptions = {}): Promise<number> {
    return this.#enqueue(async () => {
      const batch = withTargets(toBatch(ids, options), targets);
      const native = await this.#prepare({ tokens: ids.length, cache: 0, train: false });
      const { nll } = await native.score(batch);
      return sum(nll) / countTargets(batch);
    });
  }

  /** Gradients of `loss` for every parameter, under Hugging Face's names; each has its parameter's shape, row-major. */
  gradients(
    ids: ArrayLike<number>,
    targets: ArrayLike<number>,
    options: SequenceOptions = {},
  ): Promise<Map<string, Float32Array>> {
    return this.#enqueue(async () => {
      const batch = withTargets(toBatch(ids, options), targets);
      const weight = 1 / countTargets(batch);
      const weights = Float32Array.from(batch.targets!, (target) => (target < 0 ? 0 : weight));
      const native = await this.#prepare({ tokens: ids.length, cache: 0, train: true });
      await native.zeroGradients();
      await native.accumulate({ ...batch, weights });
      const gradients = new Map<string, Float32Array>();
      for (const { name } of native.parameters()) gradients.set(name, await native.read(name, "gradient"));
      return gradients;
    });
  }

  /** Greedy continuation. @returns the new tokens, the stop token included */
  generate(ids: ArrayLike<number>, options: GenerateOptions): Promise<Int32Array> {
    return this.#enqueue(async () => {
      const { maxNewTokens } = options;
      if (!Number.isInteger(maxNewTokens) || maxNewTokens < 0) {
        throw new RangeError(`maxNewTokens must be a whole number from 0, not ${maxNewTokens}`);
      }
      const end = this.model.eos_token_id;
      const stop = options.stop ?? (end === null ? [] : [end]);
      const cache = ids.length + maxNewTokens;
      const native = await this.#prepare({ tokens: Math.min(ids.length, PREFILL), cache, train: false });
      return native.generate(Int32Array.from(ids), maxNewTokens, [...stop]);
    });
  }

  /** Gives the memory back; calls under way end first, later ones are refused. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#last.catch(() => {});
    await this.#native?.close();
    this.#native = null;
  }

  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new Error("the engine is closed"));
    const result = this.#last.then(work, work);
    this.#last = result.catch(() => {});
    return result;
  }

  /**
   * A native engine that can do at least this. What it can do already it keeps, but for gradients and what they need: several
   * times the weights, given back as soon as something else is asked for.
   */
  async #prepare(need: Capacity): Promise<NativeEngine> {
    const { tokens, cache, train } = this.#capacity;
    if (this.#native && need.tokens <= tokens && need.cache <= cache && train === need.train) return this.#native;
    const next = {
      tokens: Math.max(tokens, roundUp(need.tokens, 256)),
      cache: Math.max(cache, roundUp(need.cache, 256)),
      train: need.train,
    };
    await this.#native?.close(); // before the larger one, so that both are never there at once
    this.#native = null;
    this.#native = await this.#make(next);
    this.#capacity = next;
    return this.#native;
  }

  async #make({ tokens, cache, train }: Capacity): Promise<NativeEngine> {
    const { device, threads, rope, dtype } = this.#options;
    const native = loadAddon().createEngine({
      device,
      threads,
      ring: 1,
      model: modelShape(this.model),
      memory: {
        ...{ maxTokens: tokens, train, dtype },
        ...{ checkpointEvery: 0, lossChunk: Math.min(tokens, 1024), kvCacheTokens: cache },
      },
    });
    try {
      native.setRope(Float64Array.from(rope.inv_freq), rope.attention_factor);
      await loadWeights(native, this.#weights, "value", false);
    } catch (error) {
      await native.close();
      throw error;
    }
    return native;
  }
}

/** Tokens put into the key-value cache at once. */
const PREFILL = 1024;

async function readConfig(folder: string): Promise<PlanModel> {
  const file = join(folder, "config.json");
  const text = await readFile(file, "utf8").catch((error: Error) => {
    throw new Error(`cannot read ${file}: ${error.message}`);
  });
  const { model, findings } = readModelConfig(text, folder);
  const errors = findings.filter(({ severity }) => severity === "error").map(({ message }) => message);
  if (!model || errors.length > 0)
    throw new Error(`${folder}: ${errors.join(" ") || "config.json does not describe a model"}`);
  refusePlannedModel(model, folder);
  return model;
}

function toBatch(ids: ArrayLike<number>, { positions, documents }: SequenceOptions): NativeBatch {
  if (ids.length === 0) throw new RangeError("ids is empty");
  if (positions && positions.length !== ids.length) {
    throw new RangeError(`positions has ${positions.length} entries for ${ids.length} ids`);
  }
  const starts = documentStarts(documents, ids.length);
  return {
    ids: Int32Array.from(ids),
    positions: positions ? Int32Array.from(positions) : documentPositions(starts),
    starts,
  };
}

function withTargets(batch: NativeBatch, targets: ArrayLike<number>): NativeBatch {
  if (targets.length !== batch.ids.length) {
    throw new RangeError(`targets has ${targets.length} entries for ${batch.ids.length} ids`);
  }
  for (let t = 0; t < targets.length; t++) {
    const target = targets[t]!;
    if (target < 0 && target !== IGNORED)
      throw new RangeError(`targets[${t}] is ${target}; expected a token id or ${IGNORED}`);
  }
  return { ...batch, targets: Int32Array.from(targets) };
}

function countTargets({ targets }: NativeBatch): number {
  const count = targets!.reduce((total, target) => total + (target < 0 ? 0 : 1), 0);
  if (count === 0) throw new RangeError("every target is -100: there is nothing to predict");
  return count;
}

/** In float64. */
function sum(values: Float32Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

const roundUp = (value: number, multiple: number) => Math.ceil(value / multiple) * multiple;
