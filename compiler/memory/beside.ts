import type { PlanHardware, PlanModel, PlanStage } from "../plan.ts";
import { CUDA_CODE, CUDA_CONTEXT, cudaScratchBytes } from "./scratch_cuda.ts";
import type { Choice } from "./search.ts";
import { ledgerOptions, type StageMemory, stageMemory } from "./stage.ts";

/**
 * Bytes of a device's memory that a stage takes beside the engine's arena, as `ctx run` counts them: on a GPU the kernels' buffers, their code
 * and CUDA's context. On a CPU 0: what else the process and the machine need is known where it runs.
 */
export function besideArena(stage: StageMemory, kind: PlanHardware["kind"]): number {
  if (kind === "cpu") return 0;
  return cudaScratchBytes(stage.model, { ...ledgerOptions(stage), ranksHere: 1 }) + CUDA_CODE + CUDA_CONTEXT;
}

/** All that a stage laid out in some way takes of each device, in bytes; 0 where no engine computes the model. */
export function choiceNeed(choice: Choice, kind: PlanHardware["kind"]): number {
  return choice.ledger ? choice.ledger.total + besideArena(choice, kind) : 0;
}

/** All that a planned stage takes of each device, in bytes; 0 where no engine computes the model. */
export function deviceNeed(
  plan: { readonly model: PlanModel; readonly hardware: Pick<PlanHardware, "kind"> },
  stage: PlanStage,
): number {
  const { device } = stage.memory;
  return device ? device.total + besideArena(stageMemory(plan, stage), plan.hardware.kind) : 0;
}
