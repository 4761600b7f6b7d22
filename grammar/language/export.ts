import type { Block, Flag, List } from "./values.ts";

/**
 * How the result is written, as a Hugging Face folder.
 *
 * @example export { dtype = bf16  merge = true }
 */
export interface Export extends Block {
  /** Type of the weights in the file. @default f32 */
  dtype?: "f32" | "bf16" | "f16";
  /** Adapters are merged into the weights. @default false */
  merge?: Flag;
}

/**
 * Where the metrics of a run go besides the run folder.
 *
 * @status planned
 */
export interface Track extends Block {
  /** Trackers. */
  to: List<"wandb" | "mlflow">;
}
