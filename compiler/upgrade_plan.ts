import { stageLedger } from "./memory/stage.ts";
import type { Plan, PlanStage } from "./plan.ts";
import { classifyPairs } from "./rope/index.ts";
import { planFaults } from "./validate_plan.ts";

/** Version of the plans that are written now. */
export const PLAN_VERSION: Plan["version"] = 2;

/**
 * What version 1 did not say, with what the program did then. Its plans were written over a time in which fields came one by one, so
 * each is filled only where it is missing.
 */
const ADDED = {
  model: { qkv_bias: false, o_bias: false, mlp_bias: false, qk_norm: false, window: null },
  synthesize: { at_start: 0 },
  memory: { mlp_tile: 1024, offload: "none", disk: 0 },
};

/** Version 1 knew no rates of memory and links; they decide times that are planned, nothing of a run. Of a plain desktop. */
const RATES = { memory_bytes_per_second: 20e9, link_bytes_per_second: 10e9, network_bytes_per_second: 1e9 };

type Json = { [key: string]: unknown };

/**
 * A plan that an earlier version wrote, as this version takes it; anything else as it is. Memory is counted anew, as this engine takes
 * it; all that decides what a run learns stays.
 *
 * @param document parsed plan.json, not yet validated
 */
export function upgradePlan(document: unknown): unknown {
  if (!isObject(document) || document.version !== 1) return document;
  const { model, data, stages, hardware } = document;
  const upgraded = {
    ...document,
    version: PLAN_VERSION,
    model: filled(model, ADDED.model),
    data: isObject(data) ? { ...data, sources: each(data.sources, upgradeSource) } : data,
    stages: each(stages, (stage) => upgradeStage(stage, model)),
    hardware: upgradeHardware(hardware),
  };
  return planFaults(upgraded).length === 0 ? recounted(upgraded as unknown as Plan) : upgraded;
}

/** Whether a document says that it is a plan of a version that this program does not know yet. */
export function isNewerPlan(document: unknown): document is { version: number } {
  return isObject(document) && Number.isInteger(document.version) && (document.version as number) > PLAN_VERSION;
}

function upgradeSource(source: Json): Json {
  return isObject(source.synthesize) ? { ...source, synthesize: filled(source.synthesize, ADDED.synthesize) } : source;
}

function upgradeStage(stage: Json, model: unknown): Json {
  return { ...pairsOf(stage, model), ...stage, memory: filled(stage.memory, ADDED.memory) };
}

/** What the stage's table does to the model's, from the two tables; nothing where they can't be read. */
function pairsOf({ rope, context }: Json, model: unknown): Json {
  const before = isObject(model) && isObject(model.rope) ? model.rope.inv_freq : null;
  const now = isObject(rope) ? rope.inv_freq : null;
  if (!Array.isArray(before) || !Array.isArray(now) || before.length !== now.length) return {};
  return { pairs: classifyPairs(before, (model as Json).context as number, now, context as number) };
}

/** It had one rate for both types of products. */
function upgradeHardware(hardware: unknown): unknown {
  if (!isObject(hardware)) return hardware;
  const { peak_flops, efficiency } = hardware;
  return filled(hardware, { peak_flops_bf16: peak_flops, efficiency_bf16: efficiency, ...RATES });
}

function recounted(plan: Plan): Plan {
  const { model, hardware } = plan;
  const recount = (stage: PlanStage): PlanStage => {
    const { checkpoint_every, loss_chunk, mlp_tile, head_groups, offload, gradients, moments, weights } = stage.memory;
    const layout = {
      ...{ model, train: stage.train, length: stage.length, ring: stage.parallel.ring },
      ...{ offload, gradients, moments, weights },
      ...{ microBatch: stage.parallel.micro_batch, checkpointEvery: checkpoint_every },
      ...{ lossChunk: loss_chunk, mlpTile: mlp_tile, headGroups: head_groups },
    };
    return {
      ...stage,
      memory: { ...stage.memory, device: stageLedger(layout, hardware.kind, stage.parallel.devices) },
    };
  };
  return { ...plan, stages: plan.stages.map(recount) };
}

function filled(part: unknown, added: Json): unknown {
  return isObject(part) ? { ...added, ...part } : part;
}

function each(list: unknown, change: (item: Json) => Json): unknown {
  return Array.isArray(list) ? list.map((item) => (isObject(item) ? change(item) : item)) : list;
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
