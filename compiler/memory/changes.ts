import type { PlanStage } from "../plan.ts";
import { showBytes, showTokens } from "../values/show.ts";
import { type Choice, type LayoutSpace, type StageNeeds, searchLayout } from "./search.ts";
import { freeSpace } from "./space.ts";

/** Properties that a recipe may have set, and what frees each. */
const fields = [
  "checkpoint",
  "offload",
  "moments",
  "weights",
  "gradients",
  "micro_batch",
  "head_groups",
  "mlp_tile",
  "loss_chunk",
  "ring",
] as const;
export type Field = (typeof fields)[number];

/** A change to a recipe, in words. What it comes to where it is a few properties: of those that are written, the new values, or one to add. */
export interface Change {
  readonly words: string;
  readonly values?: { readonly [field in Field]?: string };
  readonly add?: "shard = all";
}

const lists: { readonly [field in Field]: keyof LayoutSpace } = {
  ...{
    checkpoint: "checkpoints",
    offload: "offloads",
    moments: "moments",
    weights: "weights",
    gradients: "gradients",
    micro_batch: "micros",
  },
  ...{ head_groups: "groups", mlp_tile: "tiles", loss_chunk: "chunks", ring: "rings" },
};

/**
 * The cheapest change that makes a stage fit, in words. First what leaves the result as it is: the fewest properties, and
 * of equally few those that cost the least time. Then, one at a time and from mild to harsh: divided weights, bf16, more GPUs, an adapter
 * instead of all weights, shorter rows.
 *
 * @param written properties that the recipe sets; the others were free, and the search has been through them
 */
export function cheapestChange(needs: StageNeeds, stage: PlanStage, written: readonly Field[]): Change {
  const { devices, layout } = stage.parallel;
  const free = freeSpace(needs, devices, layout);
  const pinned = pinnedSpace(stage);
  for (let count = 1; count <= written.length; count++) {
    const choices = subsets(written, count).flatMap((freed) => {
      const kept = written.filter((field) => !freed.includes(field)).map((field) => lists[field]);
      const space = { ...free, ...Object.fromEntries(kept.map((name) => [name, pinned[name]])) };
      const { choice, fits } = searchLayout(needs, space);
      return fits ? [{ freed, choice }] : [];
    });
    const best = choices.sort((a, b) => a.choice.seconds - b.choice.seconds)[0];
    if (best) {
      const values = Object.fromEntries(best.freed.map((field) => [field, chosenValue(field, best.choice)]));
      const list = best.freed.map((field) => `${field} = ${values[field]}`).join(" with ");
      return { words: `${list} fits${slower(best.choice, stage)}`, values };
    }
  }
  return otherChange(needs, stage);
}

/** What the plan has now. */
function pinnedSpace({ memory, parallel }: PlanStage): LayoutSpace {
  return {
    ...{ devices: parallel.devices, layout: parallel.layout },
    ...{ checkpoints: [memory.checkpoint_every], offloads: [memory.offload], rings: [parallel.ring] },
    ...{
      moments: [memory.moments ?? "device"],
      weights: [memory.weights ?? "f32"],
      gradients: [memory.gradients ?? "device"],
    },
    ...{ micros: () => [parallel.micro_batch], groups: [memory.head_groups ?? 1] },
    ...{ tiles: [memory.mlp_tile], chunks: [memory.loss_chunk] },
  };
}

function subsets(of: readonly Field[], count: number): Field[][] {
  if (count === 0) return [[]];
  return of.flatMap((first, k) => subsets(of.slice(k + 1), count - 1).map((rest) => [first, ...rest]));
}

function chosenValue(field: Field, choice: Choice): string {
  switch (field) {
    case "checkpoint":
      return choice.checkpointEvery === 0 ? "none" : `every(${choice.checkpointEvery})`;
    case "offload":
      return choice.offload;
    case "moments":
      return choice.moments;
    case "weights":
      return choice.weights;
    case "gradients":
      return choice.gradients;
    case "micro_batch":
      return String(choice.microBatch);
    case "head_groups":
      return String(choice.headGroups);
    case "mlp_tile":
      return String(choice.mlpTile);
    case "loss_chunk":
      return String(choice.lossChunk);
    case "ring":
      return String(choice.ring);
  }
}

function slower(choice: Choice, stage: PlanStage): string {
  const more = Math.round(100 * (choice.seconds / stage.seconds - 1));
  return more >= 1 ? `, for ${more}% more time` : "";
}

/** What changes the run itself. */
function otherChange(needs: StageNeeds, stage: PlanStage): Change {
  const { train, hardware } = needs;
  const { devices, layout } = stage.parallel;
  const holds = (other: StageNeeds, on = devices) => searchLayout(other, freeSpace(other, on, layout)).fits;
  if (hardware.kind === "cuda") {
    const roomy = { ...needs, hardware: { ...hardware, host_bytes: Number.POSITIVE_INFINITY } };
    const { choice, fits } = searchLayout(roomy, freeSpace(roomy, devices, layout));
    const inHost = Object.values(choice.host).reduce((sum, part) => sum + part, 0);
    if (fits) return { words: `a host with ${showBytes(inHost)} (host_memory) would hold what does not fit` };
  }
  if (hardware.kind === "cuda" && devices > 1 && !needs.shard && holds({ ...needs, shard: true })) {
    return { words: "parallel { shard = all } fits: devices divide weights and gradients too", add: "shard = all" };
  }
  if (train.dtype === "f32" && holds({ ...needs, train: { ...train, dtype: "bf16" } })) {
    return { words: "train { dtype = bf16 } halves the activations, and fits" };
  }
  for (let more = 2 * devices; hardware.kind === "cuda" && more <= 1024; more *= 2) {
    if (holds(needs, more)) return { words: `parallel { devices = ${more} } fits: a row is cut over more of them` };
    if (!needs.shard && holds({ ...needs, shard: true }, more)) {
      return {
        words: `parallel { devices = ${more}  shard = all } fits: more of them divide weights and gradients too`,
      };
    }
  }
  if (train.method === "full") {
    const targets = ["q_proj", "k_proj", "v_proj", "o_proj"];
    const lora = { rank: 16, alpha: 32, targets, also: [], plus_ratio: 1 };
    if (holds({ ...needs, train: { ...train, method: "lora", lora } })) {
      return { words: "method = lora(rank: 16) trains far fewer parameters, and fits" };
    }
  }
  for (let length = needs.length / 2; Number.isInteger(length) && length >= 64; length /= 2) {
    if (holds({ ...needs, length, attended: undefined })) return { words: `rows of ${showTokens(length)} would fit` };
  }
  return { words: "not even the shortest rows fit: take a smaller model or a larger device" };
}
