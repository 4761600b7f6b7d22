import type { Plan } from "../../compiler/plan.ts";
import { provenConfig, readBaseConfig } from "../export/model_folder.ts";
import { bytes } from "../report/format.ts";
import type { Machine } from "../train/stage_engine.ts";
import { Failure } from "./failure.ts";

/**
 * Refuses, before the first file is read, what could only fail hours later: a device that is not there, an arena larger
 * than the memory, a stage whose frequency table no config.json can hold.
 *
 * @param baseModel folder of the base model; null when the plan starts from nothing
 * @throws Failure that says what is missing
 */
export function checkMachine(plan: Plan, machine: Machine, baseModel: string | null): void {
  const { cuda, memoryBytes } = machine.addon.describe();
  if (machine.device === "cuda" && !cuda.available) {
    throw new Failure("run", `CUDA is not available here: ${cuda.reason}`, "run with --device cpu, or see ctx doctor");
  }
  const memory =
    machine.device === "cuda" ? Math.max(0, ...cuda.devices.map((device) => device.memoryBytes)) : memoryBytes;
  for (const stage of plan.stages) {
    const { total } = stage.memory.device;
    if (total > memory) {
      throw new Failure(
        "run",
        `stage ${stage.name} needs ${bytes(total)} of memory, and this machine has ${bytes(memory)}`,
        "shorten the rows, lower the micro batch, or checkpoint activations in the recipe",
      );
    }
    provenConfig(plan, stage.rope, stage.context, "f32", readBaseConfig(baseModel));
  }
}
