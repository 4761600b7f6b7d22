import type { PlanData, PlanStage } from "../../compiler/plan.ts";
import type { NativeBatch } from "../engine/addon.ts";
import { DataError } from "./data_error.ts";
import type { Documents } from "./documents.ts";
import { EpochStream, type Place } from "./epochs.ts";
import { type MixPlan, stageMix } from "./mix.ts";
import { posePositions } from "./pose.ts";
import { Random } from "./random.ts";
import type { Row } from "./row.ts";
import type { SyntheticSource } from "./synthetic.ts";
import { textRow } from "./text_row.ts";

/** What rows are drawn from. */
export type StreamSource =
  | { kind: "text"; documents: Documents /** Where earlier stages stopped. */; from: Place }
  | { kind: "synthetic"; source: SyntheticSource };

/** One call of `NativeEngine.accumulate`. */
export interface MicroBatch {
  /** Up to `micro_batch` rows of the stage's length, one after another. */
  batch: Required<NativeBatch>;
  /** [N] KIND of each target. */
  kinds: Uint8Array;
}

/** All of one optimizer step. Weights add up to 1 over its micro batches. */
export interface StepBatch {
  microBatches: MicroBatch[];
  tokens: number;
}

/**
 * A stage's batches. `batch(step)` is a pure function of (plan, data, step): it needs no step before it, so the state to resume from is the
 * step's number.
 */
export class StageStream {
  readonly steps: number;
  private readonly mix: MixPlan;
  /** Of each text source: its documents in order, and the position that this stage begins at. */
  private readonly texts = new Map<string, { stream: EpochStream; begin: number }>();

  /**
   * @param index the stage's number, part of the seeds
   * @param groups data-parallel groups, each of which should have a micro batch
   * @throws DataError when a source of the mix has nothing to give
   */
  constructor(
    private readonly stage: PlanStage,
    private readonly index: number,
    private readonly seed: number,
    private readonly data: Pick<PlanData, "documents" | "overflow">,
    private readonly sources: Map<string, StreamSource>,
    private readonly groups = 1,
  ) {
    this.steps = stage.steps;
    this.mix = stageMix(stage, (name) => sources.get(name)?.kind === "synthetic");
    if (this.mix.names.length === 0)
      throw new DataError(`stage ${stage.name} has no source with a share above 0`, "give one a share in its mix");
    for (const name of this.mix.names) {
      const source = sources.get(name);
      if (!source)
        throw new DataError(`stage ${stage.name} mixes in ${name}, which is not a source`, "name a source of data { }");
      if (source.kind === "synthetic") continue;
      const stream = new EpochStream(source.documents, seed, longestDocument(data, stage));
      this.texts.set(name, { stream, begin: stream.positionOf(source.from) });
    }
  }

  /**
   * The batch of optimizer step `step`, counted from 0 within the stage.
   *
   * @throws DataError when no token of the step has a weight
   */
  async batch(step: number): Promise<StepBatch> {
    if (!Number.isInteger(step) || step < 0 || step >= this.steps)
      throw new RangeError(`stage ${this.stage.name} has steps 0 … ${this.steps - 1}, not ${step}`);
    const rows: Row[] = [];
    for (let slot = 0; slot < this.stage.sequences; slot++) rows.push(await this.row(step, slot));
    let weight = 0;
    for (const row of rows) for (const w of row.weights) weight += w;
    if (weight === 0)
      throw new DataError(
        `step ${step} of stage ${this.stage.name} has nothing to learn: every token's weight is 0`,
        "give text or answers a weight, or learn from more than the assistant's turns (loss = all)",
      );

    const atOnce = Math.min(this.stage.parallel.micro_batch, Math.ceil(rows.length / this.groups));
    const microBatches: MicroBatch[] = [];
    for (let from = 0; from < rows.length; from += atOnce)
      microBatches.push(flatten(rows.slice(from, from + atOnce), this.stage.length, weight));
    return { microBatches, tokens: rows.length * this.stage.length };
  }

  private async row(step: number, slot: number): Promise<Row> {
    const { length, context, positions } = this.stage;
    const number = step * this.stage.sequences + slot;
    const name = this.mix.names[this.mix.source[number]!]!;
    const ordinal = this.mix.ordinal[number]!;
    const source = this.sources.get(name)!;
    const random = (what: string) => Random.of(this.seed, what, this.index, name, ordinal);
    const pose = positions.kind === "pose";
    const skips = (within?: { from: number; to: number }) =>
      posePositions(length, context, positions.chunks, random("pose"), within);
    if (source.kind === "synthetic") {
      const { row, skip } = await source.source.row(length, random("synthetic"));
      if (pose) row.positions = skips(skip);
      return row;
    }
    const { stream, begin } = this.texts.get(name)!;
    const start = begin + ordinal * length;
    const row = textRow(source.documents, stream, start, length, this.data.documents === "mask");
    // With PoSE the positions run through the row: a skip within a document is what teaches, wherever the document starts.
    if (pose) row.positions = skips();
    return row;
  }
}

/** Tokens of the longest document that a stage takes. */
export function longestDocument(
  { overflow }: Pick<PlanData, "overflow">,
  { length }: Pick<PlanStage, "length">,
): number {
  return overflow === "drop" ? length : Number.POSITIVE_INFINITY;
}

/** Rows one after another as the engine takes them. */
function flatten(rows: Row[], length: number, weight: number): MicroBatch {
  const n = rows.length * length;
  const batch = {
    ids: new Int32Array(n),
    positions: new Int32Array(n),
    starts: new Int32Array(n),
    targets: new Int32Array(n),
    weights: new Float32Array(n),
  };
  const kinds = new Uint8Array(n);
  for (const [r, row] of rows.entries()) {
    const at = r * length;
    batch.ids.set(row.ids, at);
    batch.positions.set(row.positions, at);
    batch.targets.set(row.targets, at);
    kinds.set(row.kinds, at);
    for (let t = 0; t < length; t++) {
      batch.starts[at + t] = at + row.starts[t]!;
      batch.weights[at + t] = row.weights[t]! / weight;
    }
  }
  return { batch, kinds };
}
