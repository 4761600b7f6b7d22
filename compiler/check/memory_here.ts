import { hardwarePreset } from "../cost/index.ts";
import type { Fix } from "../diagnostics/diagnostic.ts";
import { deviceNeed, freeSpace, searchLayout } from "../memory/index.ts";
import type { PlanHardware, PlanStage } from "../plan.ts";
import { showBytes, showTokens } from "../values/show.ts";
import { aboveStages, type Check, type CheckContext, steps } from "./context.ts";
import { measures, shorter } from "./evaluation_memory.ts";

/**
 * A recipe that names no hardware is planned for the machine that compiles, or, where it asks for several devices, for GPUs that are assumed.
 * Where it fits neither it is surely meant for another machine, which it can name: nothing is wrong with it, but none of the plan's layout, times
 * and bytes are those of the run.
 */
export const memoryHere: Check = (context) => {
  const { plan, trace, host, report } = context;
  const { hardware } = plan;
  // Of a recipe with an error, what its layout would be is not known yet.
  if (trace.exact("/hardware") || report.hasErrors) return;
  const assumed = hardware.kind === "cuda" && host.gpu?.()?.name !== hardware.name;
  // Who can't tell what it compiles on has planned for a small machine that is nowhere.
  if (!assumed && !host.machine()) return;
  const have = showBytes(hardware.device_bytes);
  const machine = assumed
    ? `the ${hardware.devices} ${hardware.name}s that are assumed have ${have} each`
    : hardware.kind === "cuda"
      ? `this machine's GPU has ${have}`
      : `this machine has ${have}`;
  const stage = most(steps(plan).map((step) => ({ ...step, need: deviceNeed(plan, step.stage) })));
  if (stage && stage.need > hardware.device_bytes) {
    const fixes = naming(context, stage.stage);
    const [fix] = fixes;
    report.add(
      "CTX7015",
      trace.nearest(`${stage.pointer}/name`),
      {
        what: `stage ${stage.stage.name}`,
        need: `${showBytes(stage.need)}${assumed ? " on each device" : ""}`,
        machine,
        hint: `write what it is to run on${fix ? `, such as ${fix.title}` : " in a hardware block"}`,
      },
      { fixes },
    );
    return;
  }
  // Which GPU it is that measures is not known where they are assumed.
  if (assumed) return;
  const measure = most(measures(plan));
  if (!measure || measure.need <= hardware.device_bytes) return;
  const { fitting, fixes } = shorter(context, measure);
  const rows = fitting > 0 ? `, or measure up to ${showTokens(fitting)}` : "";
  const hint = `write what it is to run on${rows}: one device takes rows whole`;
  const values = { what: measure.subject, need: showBytes(measure.need), machine, hint };
  report.add("CTX7015", trace.nearest(measure.pointer), values, { fixes });
};

/** What needs the most; of several the first. */
function most<T extends { readonly need: number }>(all: readonly T[]): T | undefined {
  return all.reduce<T | undefined>((best, each) => (best && best.need >= each.need ? best : each), undefined);
}

/** Devices of the largest machine that is offered. */
const mostDevices = 64;

/** The fewest H100s that the stage fits; none where the recipe itself says how it is laid out, or not even many do. */
function naming(context: CheckContext, stage: PlanStage): Fix[] {
  const { plan, trace } = context;
  const preset = hardwarePreset("h100");
  if (!preset || trace.exact("/stages/0/parallel")) return [];
  const { layout } = stage.parallel;
  for (let devices = 1; devices <= mostDevices; devices *= 2) {
    const hardware: PlanHardware = { ...preset, devices };
    const needs = { ...stage, model: plan.model, hardware, shard: false };
    if (!searchLayout(needs, freeSpace(needs, devices, layout)).fits) continue;
    return aboveStages(context, `hardware { preset = h100${devices > 1 ? `  devices = ${devices}` : ""} }`);
  }
  return [];
}
