import type { RopeSpec } from "./spec.ts";

/**
 * Holds a spec against the domain of its formulas.
 *
 * @throws RangeError that names the parameter, what it was and what is allowed
 */
export function validateRopeSpec(spec: RopeSpec): void {
  if (spec.method === "resonance") {
    atLeast("original", spec.original, 1);
    atLeast("length", spec.length, 1);
    validateRopeSpec(spec.of);
    return;
  }
  if (!Number.isInteger(spec.d) || spec.d < 2 || spec.d % 2 !== 0) {
    throw new RangeError(`RoPE turns pairs of dimensions: d must be an even whole number, not ${spec.d}`);
  }
  if (!(spec.theta > 1) || !Number.isFinite(spec.theta)) {
    throw new RangeError(`theta must be a finite number greater than 1, not ${spec.theta}`);
  }
  switch (spec.method) {
    case "default":
      return;
    case "linear":
      positive("factor", spec.factor);
      return;
    case "dynamic":
      atLeast("factor", spec.factor, 1);
      atLeast("original", spec.original, 1);
      atLeast("length", spec.length, 1);
      if (spec.d < 4) throw new RangeError("dynamic NTK needs d of 4 or more: its exponent is d/(d-2)");
      return;
    case "yarn":
      positive("factor", spec.factor);
      atLeast("original", spec.original, 1);
      positive("beta_fast", spec.betaFast ?? 32);
      positive("beta_slow", spec.betaSlow ?? 1);
      if ((spec.betaFast ?? 32) < (spec.betaSlow ?? 1)) {
        throw new RangeError(
          `beta_fast (${spec.betaFast ?? 32}) counts more turns than beta_slow (${spec.betaSlow ?? 1}), so it must not be smaller`,
        );
      }
      positive("attention_factor", spec.attentionFactor ?? 1);
      return;
    case "llama3": {
      positive("factor", spec.factor);
      atLeast("original", spec.original, 1);
      const low = spec.lowFreqFactor ?? 1;
      const high = spec.highFreqFactor ?? 4;
      positive("low_freq_factor", low);
      if (!(high >= low)) {
        throw new RangeError(`high_freq_factor (${high}) must not be smaller than low_freq_factor (${low})`);
      }
      return;
    }
    case "longrope":
      positive("factor", spec.factor);
      atLeast("original", spec.original, 2);
      divisors("long_factor", spec.longFactor, spec.d);
      if (spec.shortFactor) divisors("short_factor", spec.shortFactor, spec.d);
      positive("attention_factor", spec.attentionFactor ?? 1);
      return;
    case "proportional":
      if (!(spec.partial >= 0 && spec.partial <= 1)) {
        throw new RangeError(`the rotated share must lie between 0 and 1, not ${spec.partial}`);
      }
      positive("factor", spec.factor ?? 1);
      return;
    case "custom": {
      atLeast("original", spec.original, 1);
      atLeast("length", spec.length, 1);
      positive("attention_factor", spec.attentionFactor ?? 1);
      if (spec.frequencies.length !== spec.d / 2) {
        throw new RangeError(`a table for d = ${spec.d} has ${spec.d / 2} frequencies, not ${spec.frequencies.length}`);
      }
      const bad = spec.frequencies.findIndex((frequency) => !(frequency >= 0 && frequency <= Math.PI));
      if (bad >= 0) {
        throw new RangeError(
          `the frequency of pair ${bad} is ${spec.frequencies[bad]}; it must lie between 0 and π radians per token`,
        );
      }
      return;
    }
  }
}

function positive(name: string, value: number): void {
  if (!(value > 0) || !Number.isFinite(value)) throw new RangeError(`${name} must be a positive number, not ${value}`);
}

function atLeast(name: string, value: number, least: number): void {
  if (!(value >= least) || !Number.isFinite(value)) {
    throw new RangeError(`${name} must be ${least} or more, not ${value}`);
  }
}

function divisors(name: string, list: readonly number[], d: number): void {
  if (list.length !== d / 2) {
    throw new RangeError(`${name} must hold one divisor for each of the ${d / 2} pairs, not ${list.length}`);
  }
  for (const [i, value] of list.entries()) positive(`${name}[${i}]`, value);
}
