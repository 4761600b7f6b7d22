import { measurePeak, middle, middlePeak, type Peak } from "./roofs.ts";
import { addTorchSteppers, ownStepper, type Stepper, type Timing } from "./stepper.ts";
import type { TorchPeers } from "./torch_process.ts";
import { stepFlops, type Workload } from "./workload.ts";

/** A first step that takes this long is its own measurement: what it does once is then small beside the rest. */
const LONG_STEP = 60;

/** One line of the table. */
export interface StepResult {
  workload: Workload;
  name: string;
  own: boolean;
  /** Medians, seconds. */
  wall: number;
  cpu: number;
  /** Most memory above what the process held with the model loaded. */
  bytes: number;
  /** What the plan's ledger says of `bytes`; ours alone. */
  ledger?: number;
  /** FLOPs of a step as the plan counts them, without those that checkpointing repeats. */
  flops: number;
  /** Measured between the steps. */
  peak: Peak;
}

/**
 * Times our training step and the peers', in turns, so that whatever else the machine does hits all of them alike. After a
 * warm-up each, and with the machine's peak measured once a round.
 */
export async function benchTrainingStep(
  workload: Workload,
  rounds: number,
  peers: TorchPeers | null,
): Promise<StepResult[]> {
  const steppers: Stepper[] = [];
  try {
    steppers.push(await ownStepper(workload));
    await addTorchSteppers(steppers, peers, workload);
    return await alternate(workload, steppers, rounds);
  } finally {
    for (const stepper of steppers) await stepper.close();
  }
}

async function alternate(workload: Workload, steppers: readonly Stepper[], rounds: number): Promise<StepResult[]> {
  const peaks: Peak[] = [];
  const timings: Timing[][] = [];
  for (const stepper of steppers) {
    const first = await stepper.step();
    timings.push(first.wall > LONG_STEP ? [first] : []);
  }
  for (let round = 0; round < rounds; round++) {
    peaks.push(measurePeak(workload.threads));
    for (const [index, stepper] of steppers.entries()) {
      const own = timings[index]!;
      if (own[0] !== undefined && own[0].wall > LONG_STEP) continue;
      own.push(await stepper.step());
    }
  }
  return steppers.map(({ name, own, ledger }, index) => ({
    workload,
    name,
    own,
    wall: middle(timings[index]!.map(({ wall }) => wall)),
    cpu: middle(timings[index]!.map(({ cpu }) => cpu)),
    bytes: Math.max(...timings[index]!.map(({ bytes }) => bytes)),
    ...(ledger === undefined ? {} : { ledger }),
    flops: stepFlops(workload, false),
    peak: middlePeak(peaks),
  }));
}
