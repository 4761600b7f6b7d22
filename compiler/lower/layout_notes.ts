import { gradientSeconds, momentSeconds } from "../cost/index.ts";
import {
  type Choice,
  choiceNeed,
  FILLED,
  type LayoutSpace,
  searchStep,
  trainedBy,
  weightsMayBeRounded,
} from "../memory/index.ts";
import type { PlanDefault, PlanHardware } from "../plan.ts";
import { showBytes, showDuration, showRatio } from "../values/show.ts";
import type { LayoutGround, StepLayout } from "./layout.ts";
import type { Reader } from "./reader.ts";

/** A stage's layout, what there was to choose from, and for what. */
export interface Chosen {
  readonly choice: Choice;
  readonly fits: boolean;
  readonly space: LayoutSpace;
  readonly ground: LayoutGround;
}

/** Why what was left open came out as it did. */
export function* choiceNotes(
  parallel: Reader,
  memory: Reader,
  chosen: Chosen,
  step: StepLayout,
): Generator<PlanDefault> {
  const { choice, fits, space, ground } = chosen;
  const { device_bytes: room } = ground.hardware;
  const taken = `${showBytes(choiceNeed(choice, ground.hardware.kind))} of ${showBytes(room)}`;
  const why = fits ? `fits: ${taken}` : tooTight(choice, ground.hardware);
  if (parallel.number("ring") === undefined) {
    const reason = space.devices === 1 ? "one device" : `the smallest of the fastest rings; ${why}`;
    yield parallel.noteOf("ring", String(choice.ring), reason);
  }
  if (parallel.number("micro_batch") === undefined && ground.sequences > 1) {
    yield parallel.noteOf("micro_batch", String(choice.microBatch), `keeps a device busy; ${why}`);
  }
  if (memory.value("checkpoint") === "auto") {
    const value = choice.checkpointEvery === 0 ? "none" : `every(${choice.checkpointEvery})`;
    yield memory.noteOf("checkpoint", value, fits ? reasonToCheckpoint(chosen, step, taken) : why);
  }
  if (choice.checkpointEvery > 0) yield recomputeNote(memory, choice, ground.model.layers);
  if (memory.value("offload") === "auto") {
    const reason =
      choice.offload === "none"
        ? choice.checkpointEvery === 0
          ? "all activations are kept"
          : fits
            ? "saved layer inputs fit on the device"
            : why
        : fits
          ? `the fastest that fits: ${taken}`
          : why;
    yield memory.noteOf("offload", choice.offload, reason);
  }
  if (memory.value("moments") === "auto" && ground.hardware.kind === "cuda") {
    yield memory.noteOf("moments", choice.moments, fits ? momentsReason(chosen, taken) : why);
  }
  if (memory.value("weights") === "auto" && weightsMayBeRounded(ground)) {
    yield memory.noteOf("weights", choice.weights, fits ? weightsReason(chosen, taken) : why);
  }
  if (memory.value("gradients") === "auto" && space.gradients.length > 1) {
    yield memory.noteOf("gradients", choice.gradients, fits ? gradientsReason(choice, ground, taken) : why);
  }
  const tile = memory.value("mlp_tile");
  if (tile === "auto") {
    yield memory.noteOf("mlp_tile", String(choice.mlpTile), tileReason(choice, space.tiles, why));
  }
  if (memory.value("head_groups") === "auto") {
    const reason = choice.headGroups === 1 ? "all heads at once fit" : `the fewest that fit: ${taken}`;
    yield memory.noteOf("head_groups", String(choice.headGroups), fits ? reason : why);
  }
  const lossChunk = memory.number("loss_chunk");
  if (lossChunk === undefined) {
    const bytes = showBytes(4 * choice.lossChunk * ground.model.vocab_size);
    yield memory.noteOf("loss_chunk", String(choice.lossChunk), `${bytes} of logits`);
  } else if (lossChunk > choice.lossChunk) {
    yield memory.noteOf("loss_chunk", String(choice.lossChunk), "all rows that a rank holds, fewer than written");
  }
}

/** What checkpoints cost, and of what: one segment of all layers is not free either. */
function recomputeNote(memory: Reader, { checkpointEvery: every, flops }: Choice, layers: number): PlanDefault {
  const more = flops.recompute / (flops.total - flops.recompute);
  const first = Math.floor((layers - 1) / every) * every;
  const mlp = "gate and up of each MLP, which no checkpoint keeps";
  const reason = first === 0 ? `${mlp}; nothing else` : `${mlp}, and the other work of the first ${first} layers`;
  return memory.noteOf("recompute", `${showRatio(Number(more.toPrecision(2)))} more FLOPs`, reason);
}

/** Why the most frugal layout does not do. Plans leave a tenth of a device to the kernels' buffers and the system. */
function tooTight(choice: Choice, { kind, device_bytes: room }: PlanHardware): string {
  return choiceNeed(choice, kind) > room
    ? "the most frugal, and still too large"
    : `the most frugal, and more than the ${showBytes(FILLED * room)} of ${showBytes(room)} that a plan fills`;
}

/** What it costs that the moments do not fit: the host's memory, and their way at each step. */
function momentsReason({ choice, space, ground }: Chosen, taken: string): string {
  if (choice.moments === "device") return "they fit on the device";
  const { model, train } = ground;
  const share = trainedBy(model, train, space.devices) / space.devices;
  const seconds = momentSeconds(share, 1, choice.weights === "bf16");
  const they = choice.weights === "bf16" ? "with the masters they take" : "they take";
  return `the fastest that fits, ${taken}: ${they} ${showBytes(choice.host.optimizer ?? 0)} of the host, and ${showDuration(seconds)} of each step on their way`;
}

/** Where the masters lie instead: with the moments, wherever these are. */
function weightsReason({ choice }: Chosen, taken: string): string {
  if (choice.weights === "f32") return "they fit on the device";
  const where = choice.moments === "host" ? "in the host's memory" : "on the devices, each with its share";
  return `the fastest that fits, ${taken}: their fp32 masters lie ${where}`;
}

function gradientsReason({ gradients, host }: Choice, { sequences }: LayoutGround, taken: string): string {
  if (gradients === "device") return "they fit on the device";
  const bytes = host.gradients ?? 0;
  const seconds = showDuration(gradientSeconds(bytes, { rows: sequences, steps: 1 }));
  return `the fastest that fits, ${taken}: they take ${showBytes(bytes)} of the host, and at most ${seconds} of each step on their way`;
}

function tileReason(choice: Choice, tiles: readonly number[], why: string): string {
  const most = tiles[0]!;
  if (choice.mlpTile === most) return "larger ones are no faster";
  return choice.mlpTile === Math.ceil((choice.microBatch * choice.length) / choice.ring) && choice.mlpTile < most
    ? "all rows that a rank holds"
    : why;
}

/** "keeps all activations: 3.1 GiB of 24 GiB", or what keeping all would need. */
function reasonToCheckpoint({ choice, space, ground }: Chosen, step: StepLayout, taken: string): string {
  if (choice.checkpointEvery === 0) return `keeps all activations: ${taken}`;
  if (!space.checkpoints.includes(0)) return `the fastest that goes with offload: ${taken}`;
  step.keepingAll ??= leastKeepingAll(ground, space);
  return `the fastest that fits, ${taken}: keeping all would need ${showBytes(step.keepingAll)} at least, and a tenth stays free`;
}

/** Bytes on a device of the most frugal layout that computes nothing again. */
function leastKeepingAll(ground: LayoutGround, space: LayoutSpace): number {
  const tight = { ...ground, hardware: { ...ground.hardware, device_bytes: 1 } };
  return choiceNeed(searchStep(tight, { ...space, checkpoints: [0] }).choice, ground.hardware.kind);
}
