/** What a config.json's RoPE keys were found to do that their author may not expect. */
export interface RopeFinding {
  kind: RopeFindingKind;
  /** `error`: no table can be made, or a library would make another one than was written. */
  severity: "error" | "warning";
  /** Key in config.json, dotted. */
  key: string;
  /** One sentence: what was found, what it does, what to write instead. */
  message: string;
}

export type RopeFindingKind =
  | "theta-missing"
  | "theta-conflict"
  | "theta-shadowed"
  | "parameters-shadowed"
  | "parameters-unseen"
  | "type-unknown"
  | "type-conflict"
  | "nested-parameters"
  | "partial-rotary"
  | "original-missing"
  | "original-unseen"
  | "factor-missing"
  | "factor-inferred"
  | "factor-mismatch"
  | "factor-below-one"
  | "dynamic-frozen"
  | "key-ignored"
  | "mscale-ignored"
  | "factors-length"
  | "blend-order"
  | "original-not-shorter"
  | "malformed";

/** Builds a finding; keeps the call sites to one line. */
export function finding(
  severity: RopeFinding["severity"],
  kind: RopeFindingKind,
  key: string,
  message: string,
): RopeFinding {
  return { kind, severity, key, message };
}
