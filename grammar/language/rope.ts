import type { Block, Call, Flag, Formula, Gives, List, Num, Ratio, Reference, Settings, Tokens } from "./values.ts";

/**
 * How rotary positions turn at each stage. Everything here is evaluated once for each stage and ends as a table of
 * frequencies; without this block the base model's table stays.
 *
 * @paper Su et al. 2021, RoFormer, arXiv 2104.09864
 * @example rope { theta = critical_base(length) }
 * @example rope { method = yarn(factor: scale) }
 * @example rope { frequency = model.theta ^ (-2 * i / d)  attention = 1 + 0.1 * ln(scale) }
 */
export interface Rope extends Block {
  /**
   * Base of the geometric frequencies, `rope_theta`.
   *
   * @default model.theta
   * @above 1
   * @example theta = floor(previous.theta * (4 * length / previous.length - 3) ^ (d / (d - 2)))
   */
  theta?: Formula<Num>;
  /**
   * A scaling method on top of `theta`.
   *
   * @default none
   * @group spectrum
   */
  method?: Formula<Call<"method">>;
  /**
   * The frequency of pair `i` in radians per token, as any expression.
   *
   * @group spectrum
   * @min 0
   * @example frequency = model.theta ^ (-2 * i / d) / (if i > 20 then scale else 1)
   */
  frequency?: Formula<Num, "i">;
  /**
   * Attention factor that goes with `frequency`: multiplies cosine and sine.
   *
   * @default 1
   * @above 0
   */
  attention?: Formula<Num>;
  /**
   * The stage that `previous` means in this block's formulas. Weights still come from the stage before.
   *
   * @default (the stage before, or the base model)
   * @example previous = s256k
   */
  previous?: Reference<"stage">;
  /**
   * Trained length that methods scale from, and that `scale` counts from: `original_max_position_embeddings`.
   *
   * @default model.context
   * @min 1
   * @max 2147483647
   */
  original?: Formula<Tokens>;
}

/**
 * Plain rotary positions: `theta ^ (-2i/d)`.
 *
 * @example method = none
 */
export interface None extends Settings<"method"> {}

/**
 * Position interpolation: every frequency divided by the factor.
 *
 * @paper Chen et al. 2023, arXiv 2306.15595
 * @example linear(factor: 8)
 */
export interface Linear extends Settings<"method"> {
  /** By how much positions are squeezed. @default (context / original, at least 1) @min 1 */
  factor?: Num;
}

/**
 * Dynamic NTK scaling as transformers computes it, frozen at the stage's length.
 *
 * @paper emozilla 2023; Peng et al. 2023, arXiv 2309.00071, section 3
 * @example dynamic(factor: 4)
 */
export interface Dynamic extends Settings<"method"> {
  /** The method's `factor`; 1 gives plain NTK scaling. @min 1 */
  factor: Num;
}

/**
 * YaRN in the form that its code and every implementation compute: fast pairs stay, slow pairs are interpolated, a ramp
 * over the pair index between them, and an attention temperature of 0.1 ln(factor) + 1.
 *
 * @paper Peng et al. 2023, arXiv 2309.00071
 * @example yarn(factor: scale)
 */
export interface Yarn extends Settings<"method"> {
  /** Target length over trained length. @default (context / original, at least 1) @min 1 */
  factor?: Num;
  /** Pairs that turn more often than this within the trained length stay as they are. @default 32 @above 0 */
  beta_fast?: Num;
  /** Pairs that turn less often than this are divided by the factor. @default 1 @above 0 */
  beta_slow?: Num;
  /** The ramp begins and ends at whole pairs. @default true */
  truncate?: Flag;
  /** Multiplies cosine and sine. @default (0.1 ln(factor) + 1) @above 0 */
  attention_factor?: Num;
  /** DeepSeek's temperature; counts only together with `mscale_all_dim`. @default (none) @above 0 */
  mscale?: Num;
  /** The part of DeepSeek's temperature that the softmax scale carries. @default (none) @above 0 */
  mscale_all_dim?: Num;
}

/**
 * Llama 3.1's rule by wavelength: long ones are divided by the factor, short ones stay, a smooth blend between.
 *
 * @paper Grattafiori et al. 2024, The Llama 3 Herd of Models, arXiv 2407.21783
 * @example llama3(factor: 8)
 */
export interface Llama3 extends Settings<"method"> {
  /** Divides the slow frequencies. @default (context / original, at least 1) @min 1 */
  factor?: Num;
  /** Wavelengths above trained length / this are divided. @default 1 @above 0 */
  low_freq_factor?: Num;
  /** Wavelengths below trained length / this stay. @default 4 @above 0 */
  high_freq_factor?: Num;
}

/**
 * LongRoPE: each pair divided by a factor of its own, found by search elsewhere and given here.
 *
 * @paper Ding et al. 2024, arXiv 2402.13753
 * @example longrope(long_factor: [1, 1, 1.5, 2, 3, 4, 4, 4])
 */
export interface Longrope extends Settings<"method"> {
  /** d/2 divisors for sequences longer than the trained length. @above 0 */
  long_factor: List<Num>;
  /** d/2 divisors for sequences up to the trained length. @default (all 1) @above 0 */
  short_factor?: List<Num>;
  /** Target length over trained length; sets the attention factor. @default (context / original, at least 1) @min 1 */
  factor?: Num;
  /** Multiplies cosine and sine. @default (sqrt(1 + ln(factor) / ln(original))) @above 0 */
  attention_factor?: Num;
}

/**
 * Turns only the first share of the pairs, with exponents over the whole head; the others keep no position.
 *
 * @paper Barbero et al. 2024, arXiv 2410.06205
 * @example proportional(partial: 25%)
 */
export interface Proportional extends Settings<"method"> {
  /** Share of the pairs that turn. @min 0 @max 1 */
  partial: Ratio;
  /** Divides the frequencies. @default 1 @min 1 */
  factor?: Num;
}

/**
 * Rounds another method's wavelengths to whole tokens, so that fast pairs repeat exactly.
 *
 * @paper Wang et al. 2024, arXiv 2403.00071
 * @example resonance(yarn(factor: scale))
 */
export interface Resonance extends Settings<"method"> {
  /** The method to round. @default none */
  of?: Call<"method">;
}

/**
 * Attention biased by distance instead of rotation.
 *
 * @paper Press et al. 2021, arXiv 2108.12409
 * @status planned
 */
export interface Alibi extends Settings<"method"> {}

/**
 * NTK-aware theta: the slowest pair is interpolated by exactly the scale, the fastest stays. Independent of the path of stages.
 *
 * @paper bloc97 2023; Peng et al. 2023, arXiv 2309.00071, definition 1
 * @formula model.theta * scale ^ (d / (d - 2))
 * @example theta = ntk(scale)
 */
export interface Ntk extends Gives<"theta", Num> {
  /** Target length over trained length. @min 1 */
  scale: Num;
}

/**
 * Dynamic NTK from the stage before; with factor 4, rounded down after each stage, it gives Gradient's published thetas. Depends on the path of stages.
 *
 * @paper emozilla 2023
 * @formula previous.theta * (factor * length / previous.length - factor + 1) ^ (d / (d - 2))
 * @example theta = ntk_dynamic(4)
 */
export interface NtkDynamic extends Gives<"theta", Num> {
  /** 1 gives plain NTK scaling. @min 1 */
  factor: Num;
}

/**
 * The theta at which as many pairs make a full turn within the new length as did within the one that the base model's theta was trained at: for a
 * base that is scaled already (Llama 3.1), the one before that scaling.
 *
 * @paper Liu et al. 2023, Scaling laws of RoPE-based extrapolation, arXiv 2310.05209
 * @formula model.theta ^ (ln(length / (2 * pi)) / ln(model.original / (2 * pi)))
 * @example theta = critical_base(length)
 */
export interface CriticalBase extends Gives<"theta", Num> {
  /** The new length. @min 7 */
  length: Tokens;
}

/**
 * Adjusted base frequency: simply this theta.
 *
 * @paper Xiong et al. 2023, arXiv 2309.16039
 * @formula base
 * @example theta = abf(500_000)
 */
export interface Abf extends Gives<"theta", Num> {
  /** The theta. @above 1 */
  base: Num;
}
