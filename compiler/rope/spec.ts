/**
 * What a RoPE method is asked to do, as data. Each form says all that its table depends on, so that
 * `ropeTable(spec)` is a pure function. Lengths are in tokens, `d` is the number of rotated dimensions (= head_dim),
 * frequencies are in radians per token.
 */

interface Common {
  /** Base of the geometric frequencies, `rope_theta` in Hugging Face's config. Greater than 1. */
  theta: number;
  /** Rotated dimensions; even. */
  d: number;
  /** How the recipe wrote it; a short call form is made when absent. */
  formula?: string;
}

/** Su et al. 2021 (RoFormer): θ_i = theta^(-2i/d). */
export interface DefaultSpec extends Common {
  method: "default";
}

/** Position Interpolation (Chen et al. 2306.15595): every frequency divided by `factor`. */
export interface LinearSpec extends Common {
  method: "linear";
  factor: number;
}

/** Dynamic NTK as transformers computes it, frozen at one `length`. */
export interface DynamicSpec extends Common {
  method: "dynamic";
  factor: number;
  /** Trained length: `max_position_embeddings` of the config. */
  original: number;
  /** Length of the sequence the table is for; below `original` it changes nothing. */
  length: number;
}

/** YaRN (Peng et al. 2309.00071) in the form that every implementation computes: a ramp over the pair index. */
export interface YarnSpec extends Common {
  method: "yarn";
  factor: number;
  /** `original_max_position_embeddings`. */
  original: number;
  /** Rotations inside the trained window above which a pair is left alone. Default 32. */
  betaFast?: number;
  /** Rotations below which a pair is fully interpolated. Default 1. */
  betaSlow?: number;
  /** Round the ramp's ends to whole pairs. Default true. */
  truncate?: boolean;
  /** Multiplies cos and sin; overrides 0.1·ln(factor) + 1. */
  attentionFactor?: number;
  /** DeepSeek's pair of keys: both must be given to count. */
  mscale?: number;
  mscaleAllDim?: number;
}

/** Llama 3.1's rule: short wavelengths stay, long ones are divided by `factor`, a smooth blend between. */
export interface Llama3Spec extends Common {
  method: "llama3";
  factor: number;
  original: number;
  /** Default 1. */
  lowFreqFactor?: number;
  /** Default 4. */
  highFreqFactor?: number;
}

/** LongRoPE (Ding et al. 2402.13753): one divisor for each pair, found by search and given here. */
export interface LongRopeSpec extends Common {
  method: "longrope";
  factor: number;
  original: number;
  /** d/2 divisors for sequences longer than `original`. */
  longFactor: number[];
  /** d/2 divisors up to `original`. Default: all 1. */
  shortFactor?: number[];
  /** Length of the sequence the table is for: it decides between short and long. */
  length: number;
  attentionFactor?: number;
}

/** Rotates only the first `partial` share of the pairs, exponents over the full head (p-RoPE; Gemma 4). */
export interface ProportionalSpec extends Common {
  method: "proportional";
  /** Share of the pairs that turn, 0 … 1. */
  partial: number;
  /** Divides the frequencies as `linear` does. Default 1. */
  factor?: number;
}

/** Resonance RoPE (Wang et al. 2403.00071): wavelengths of another method's table rounded to whole tokens. */
export interface ResonanceSpec {
  method: "resonance";
  of: Exclude<RopeSpec, ResonanceSpec>;
  /** Trained length and the length the table is for; only the Hugging Face form carries them. */
  original: number;
  length: number;
  formula?: string;
}

/** Any table at all, from a recipe's `frequency = <expression in i>`. */
export interface CustomSpec extends Common {
  method: "custom";
  /** d/2 frequencies ≥ 0. */
  frequencies: number[];
  /** Multiplies cos and sin. Default 1. */
  attentionFactor?: number;
  /** Trained length and the length the table is for; only the Hugging Face form carries them. */
  original: number;
  length: number;
}

export type RopeSpec =
  | DefaultSpec
  | LinearSpec
  | DynamicSpec
  | YarnSpec
  | Llama3Spec
  | LongRopeSpec
  | ProportionalSpec
  | ResonanceSpec
  | CustomSpec;
