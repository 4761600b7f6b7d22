import type { ModelShape } from "../../compiler/model/index.ts";

/** Seconds of one step: by the clock, and of all cores together. */
export interface Timing {
  wall: number;
  cpu: number;
}

/** Something that takes training steps and can be timed: our engine, or a peer. */
export interface Stepper {
  name: string;
  /** Takes one step. */
  step(): Promise<Timing>;
  /** Bytes that it needs besides its program and its model's weights at the start. */
  memory(): number;
  close(): Promise<void>;
}

/** A model to be trained on one row of random tokens. */
export interface Workload {
  name: string;
  shape: ModelShape;
  tokens: number;
  threads: number;
  /** Recompute activations. */
  checkpoint: boolean;
}

/** Median of each measure. */
export function median(timings: readonly Timing[]): Timing {
  const middle = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
  return { wall: middle(timings.map(({ wall }) => wall)), cpu: middle(timings.map(({ cpu }) => cpu)) };
}

/**
 * Times several steppers side by side: after one warm-up each they take turns, so that whatever else the machine does
 * hits all of them alike.
 */
export async function alternate(steppers: readonly Stepper[], rounds: number): Promise<Timing[]> {
  const timings: Timing[][] = steppers.map(() => []);
  for (const stepper of steppers) await stepper.step();
  for (let round = 0; round < rounds; round++) {
    for (const [index, stepper] of steppers.entries()) timings[index]!.push(await stepper.step());
  }
  return timings.map(median);
}
