import type { Data } from "./data.ts";
import type { Evaluate } from "./evaluate.ts";
import type { Memory, Parallel } from "./machine.ts";
import type { Rope } from "./rope.ts";
import type { Train } from "./train.ts";
import type { Block, Count, Duration, Formula, List, Num, One, Range, Tokens } from "./values.ts";

/**
 * One stage of the campaign: the weights of the stage before, trained on longer rows. It may hold any of the top-level
 * blocks below and overrides just what it names.
 *
 * @label stage
 * @overrides rope data train parallel memory evaluate
 * @example stage s64k { length = 64Ki  steps = 30  batch = 32 }
 */
export interface Stage extends Block {
  /** Tokens in a row: what attention sees. @min 2 @max 2147483647 */
  length: Tokens;
  /** Optimizer steps. @group budget @min 1 @max 1000000000 */
  steps?: Count;
  /** Tokens of the whole stage, rounded up to whole steps. @group budget @min 1 @max 1000000000000000 */
  tokens?: Tokens;
  /** Rows of each optimizer step, over all devices. @default 1 @min 1 @max 1000000 */
  batch?: Count;
  /**
   * Tokens that the stage makes the model for: `scale` and a method's factor count up to it, evaluation reaches it, and the exported
   * model promises it as `max_position_embeddings`. More than `length` where positions skip up to it by `pose(…)`, or where the table
   * is stretched that far: YaRN's published models read 128K by rows of 64K.
   *
   * @paper Peng et al. 2023, arXiv 2309.00071, section 4
   * @default length
   * @example stage s128k { length = 64Ki  context = 128Ki  steps = 200  batch = 64  rope { method = yarn(factor: scale) } }
   * @min 2
   * @max 2147483647
   */
  context?: Tokens;
  /**
   * Wall time that the stage took, or may take. Nothing is planned by it: the share of the devices' peak that it implies is held against
   * what training has reached.
   *
   * @above 0
   * @example stage s64k { length = 64Ki  steps = 30  batch = 32  wall_time = 202min }
   */
  wall_time?: Duration;
  rope?: One<Rope>;
  data?: One<Data>;
  train?: One<Train>;
  parallel?: One<Parallel>;
  memory?: One<Memory>;
  evaluate?: One<Evaluate>;
}

/**
 * Short for stages that differ in little but their length; each is named after it, `1Ki` → `s1k`.
 *
 * @example curriculum { lengths = [1Ki, 2Ki, 4Ki]  tokens = 400K }
 */
export interface Curriculum extends Block {
  /** The stages' lengths, rising. @min 2 @max 2147483647 */
  lengths: List<Tokens> | Range<Tokens>;
  /** Optimizer steps of each stage. @group budget @min 1 @max 1000000000 */
  steps?: Count | List<Count>;
  /** Tokens of each stage. @group budget @min 1 @max 1000000000000000 */
  tokens?: Tokens | List<Tokens>;
  /** Rows of each optimizer step. @default 1 @min 1 @max 1000000 */
  batch?: Count | List<Count>;
}

/**
 * Tries several thetas for a few steps and keeps the one whose loss falls straight down.
 *
 * @status planned
 * @example probe { candidates = [ntk(scale), critical_base(length)]  steps = 8 }
 */
export interface Probe extends Block {
  /** Thetas to try. @above 1 */
  candidates: List<Formula<Num>>;
  /** Steps for each. @default 8 @min 1 */
  steps?: Count;
}
