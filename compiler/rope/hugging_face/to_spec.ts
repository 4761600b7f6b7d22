import type { RopeSpec } from "../spec.ts";
import { isNumbers, type JsonObject, show } from "./config.ts";
import { finding, type RopeFinding } from "./findings.ts";
import type { StandardRope } from "./standardize.ts";

/** Keys each type reads; any other is dropped without effect. `true`: required. */
const KEYS: { [type: string]: { [key: string]: boolean } } = {
  default: {},
  linear: { factor: true },
  dynamic: { factor: true },
  yarn: {
    factor: true,
    original_max_position_embeddings: false,
    attention_factor: false,
    beta_fast: false,
    beta_slow: false,
    mscale: false,
    mscale_all_dim: false,
    truncate: false,
  },
  llama3: { factor: true, low_freq_factor: true, high_freq_factor: true, original_max_position_embeddings: false },
  longrope: {
    short_factor: true,
    long_factor: true,
    factor: false,
    attention_factor: false,
    original_max_position_embeddings: false,
    // vLLM's own; transformers passes them over, and they say the same as attention_factor where ctx writes them.
    short_mscale: false,
    long_mscale: false,
  },
  proportional: { partial_rotary_factor: false, factor: false },
};

export interface SpecReading {
  /** null when the config can't be turned into a table; a finding says why. */
  spec: RopeSpec | null;
  findings: RopeFinding[];
}

/**
 * Turns standardised keys into a spec, as transformers' functions for each type read them.
 *
 * @param d rotated dimensions
 * @param maxPosition `max_position_embeddings`
 * @param length sequence length the table is for (dynamic and longrope depend on it)
 */
export function toSpec(rope: StandardRope, d: number, maxPosition: number, length: number): SpecReading {
  const findings: RopeFinding[] = [];
  const at = (key: string) => (rope.where ? `${rope.where}.${key}` : key);
  const known = Object.hasOwn(KEYS, rope.type) ? KEYS[rope.type] : undefined;
  if (!known) {
    const message = `RoPE type "${rope.type}" is not one that transformers knows${instead(rope.type)}.`;
    return { spec: null, findings: [finding("error", "type-unknown", at("rope_type"), message)] };
  }
  for (const [key, required] of Object.entries(known)) {
    if (required && !(key in rope.values)) {
      const message = `RoPE type "${rope.type}" needs ${key}; transformers stops with a KeyError without it.`;
      findings.push(finding("error", "factor-missing", at(key), message));
    }
  }
  for (const key of Object.keys(rope.values)) {
    if (key in known || key === "partial_rotary_factor") continue;
    findings.push(finding("warning", "key-ignored", at(key), ignoredKey(key, rope.type)));
  }
  const read = new Reader(rope.values, at, findings);
  const theta = read.check("rope_theta", rope.theta);
  const factor = rope.type === "default" ? 1 : factorOf(rope, read, maxPosition);
  const spec = build(rope, read, { theta, d, factor, maxPosition, length });
  return { spec: findings.some((f) => f.severity === "error") ? null : spec, findings };
}

/** What a type that was once written, or that another library knows, is called in transformers. */
function instead(type: string): string {
  if (type === "su") return '; it is "longrope" by its first name, which only Phi-3 may still use';
  if (type === "ntk") return "; vLLM does, by a formula of its own: write the theta that it comes to instead";
  return `; known are ${Object.keys(KEYS).join(", ")}`;
}

function ignoredKey(key: string, type: string): string {
  const instead = key === "attn_factor" ? "; the key that counts is attention_factor" : "";
  return `transformers ignores ${key} for RoPE type "${type}"${instead}.`;
}

/** `factor`, or max_position / original when it is null or (longrope) left out, as transformers fills it in. */
function factorOf(rope: StandardRope, read: Reader, maxPosition: number): number {
  if (typeof rope.values.factor === "number") return read.number("factor") ?? 1;
  if ((rope.type === "yarn" || rope.type === "longrope") && typeof rope.original === "number") {
    const inferred = maxPosition / rope.original;
    if (rope.type === "yarn" && "factor" in rope.values) {
      read.warn(
        "factor-inferred",
        "factor",
        `factor is null; transformers uses ${inferred} (max_position / original).`,
      );
    }
    return inferred;
  }
  return read.number("factor") ?? 1;
}

interface Shared {
  theta: number;
  d: number;
  factor: number;
  maxPosition: number;
  length: number;
}

function build(rope: StandardRope, read: Reader, shared: Shared): RopeSpec | null {
  const { theta, d, factor, maxPosition, length } = shared;
  const original = () => read.check("original_max_position_embeddings", rope.original);
  switch (rope.type) {
    case "linear":
      return { method: "linear", theta, d, factor };
    case "dynamic":
      return { method: "dynamic", theta, d, factor, original: maxPosition, length };
    case "yarn":
      return {
        method: "yarn",
        theta,
        d,
        factor,
        original: original(),
        ...named("betaFast", read.number("beta_fast") || undefined),
        ...named("betaSlow", read.number("beta_slow") || undefined),
        ...named("attentionFactor", read.number("attention_factor")),
        ...named("mscale", read.number("mscale")),
        ...named("mscaleAllDim", read.number("mscale_all_dim")),
        ...(rope.values.truncate === false ? { truncate: false } : {}),
      };
    case "llama3":
      return {
        method: "llama3",
        theta,
        d,
        factor,
        original: original(),
        ...named("lowFreqFactor", read.number("low_freq_factor")),
        ...named("highFreqFactor", read.number("high_freq_factor")),
      };
    case "longrope":
      return {
        method: "longrope",
        theta,
        d,
        factor,
        original: original(),
        length,
        longFactor: read.divisors("long_factor", d),
        shortFactor: read.divisors("short_factor", d),
        ...named("attentionFactor", read.number("attention_factor")),
      };
    case "proportional":
      return {
        method: "proportional",
        theta,
        d,
        partial: read.number("partial_rotary_factor") ?? 1,
        ...named("factor", read.number("factor")),
      };
    default:
      return { method: "default", theta, d };
  }
}

/** `{ key: value }`, or nothing when the value is undefined (exact optional properties). */
function named<K extends string>(key: K, value: number | undefined): { [P in K]?: number } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]: number });
}

/** Takes typed values out of untyped JSON and notes what was malformed. */
class Reader {
  constructor(
    private readonly values: JsonObject,
    private readonly at: (key: string) => string,
    private readonly findings: RopeFinding[],
  ) {}

  /** A number, or undefined when the key is absent or null. */
  number(key: string): number | undefined {
    const value = this.values[key];
    return value === undefined || value === null ? undefined : this.check(key, value);
  }

  /** The value as a number > 0; 1 and a finding otherwise. */
  check(key: string, value: unknown): number {
    if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value;
    this.error("malformed", key, `${key} must be a number, not ${show(value)}.`);
    return 1;
  }

  /** d/2 numbers; an empty list and a finding otherwise. */
  divisors(key: string, d: number): number[] {
    const value = this.values[key];
    if (!isNumbers(value)) {
      if (key in this.values) this.error("malformed", key, `${key} must be a list of numbers.`);
      return [];
    }
    if (value.length !== d / 2) {
      const message = `${key} must have one entry for each of the ${d / 2} pairs, not ${value.length}; transformers fails on it when the model runs.`;
      this.error("factors-length", key, message);
    }
    return value;
  }

  warn(kind: RopeFinding["kind"], key: string, message: string): void {
    this.findings.push(finding("warning", kind, this.at(key), message));
  }

  private error(kind: RopeFinding["kind"], key: string, message: string): void {
    this.findings.push(finding("error", kind, this.at(key), message));
  }
}
