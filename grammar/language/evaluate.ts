import type { Block, Count, Flag, List, Measure, Num, One, Range, Ratio, Reference, Text, Tokens } from "./values.ts";

/**
 * What is measured after each stage.
 *
 * @example
 * evaluate {
 *   perplexity { files = "pg19/*.txt"  lengths = 8Ki..1Mi x2 }
 *   needle { lengths = 64Ki..1Mi x2  depths = 11 }
 *   gate { needle >= 95%  otherwise = stop }
 * }
 */
export interface Evaluate extends Block {
  /** The base model is measured too, before the first stage. @default true */
  before?: Flag;
  perplexity?: One<Perplexity>;
  needle?: One<NeedleTest>;
  ruler?: One<Ruler>;
  suite?: One<Suite>;
  gate?: One<Gate>;
}

/** Loss and perplexity by position over held-out text. */
export interface Perplexity extends Block {
  /** Patterns of text files, as in a source. @path * @group text */
  files?: Text | List<Text>;
  /** The source whose held-out documents are read. @default (the first source of files) @group text */
  source?: Reference<"source">;
  /** Lengths of the windows. @default (the stages' lengths) @min 2 */
  lengths?: List<Tokens> | Range<Tokens>;
  /** Windows for each length. @default 8 @min 1 @max 100000 */
  samples?: Count;
}

/**
 * A fact placed in real text and asked for at the end. A sample counts when every token of the answer is the most likely one.
 *
 * @paper Kamradt 2023, Needle in a haystack
 */
export interface NeedleTest extends Block {
  /** Lengths of the text. @default (the stages' lengths) @min 2 */
  lengths?: List<Tokens> | Range<Tokens>;
  /**
   * Where the fact stands, from 0% (the beginning) to 100%; a count of up to 1,000 spreads that many evenly.
   *
   * @default 5
   * @min 0
   */
  depths?: Count | List<Ratio> | Range<Ratio>;
  /** Samples for each length and depth. @default 20 @min 1 @max 100000 */
  samples?: Count;
  /** The source whose held-out documents give the text. @default (the first source of files) */
  haystack?: Reference<"source">;
  /** Digits of the answer. @default 6 @min 1 @max 18 */
  digits?: Count;
}

/**
 * The synthetic tasks of RULER.
 *
 * @paper Hsieh et al. 2024, arXiv 2404.06654
 * @status planned
 */
export interface Ruler extends Block {
  /** Lengths of the prompts. @min 2 */
  lengths: List<Tokens> | Range<Tokens>;
  /** Tasks by their names in RULER. @default (all 13) */
  tasks?: List<Text>;
  /** Samples for each length and task. @default 20 @min 1 */
  samples?: Count;
}

/**
 * A published long-context benchmark.
 *
 * @status planned
 */
export interface Suite extends Block {
  /** Its name. */
  name: Text;
  /** Its tasks. @default (all) */
  tasks?: List<Text>;
}

/**
 * What must hold after a stage before the next begins.
 *
 * @example gate { needle >= 95%  perplexity <= 12  otherwise = stop }
 */
export interface Gate extends Block {
  /** Needle accuracy at the weakest length up to the stage's, its depths together. @min 0 @max 1 */
  needle?: Measure<Ratio, ">=">;
  /** Perplexity over the longest windows up to the stage's length. @above 0 */
  perplexity?: Measure<Num, "<=">;
  /**
   * What happens if it does not hold.
   *
   * @default stop
   * @choice stop: the run ends, the stage's weights are kept
   * @choice warn: the run says so and goes on
   */
  otherwise?: "stop" | "warn";
}
