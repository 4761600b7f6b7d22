import { type JsonObject, show } from "../rope/index.ts";
import type { ModelFinding, ModelFindingKind } from "./finding.ts";

/** Takes typed values out of untyped JSON and notes what is missing or wrong. */
export class Keys {
  readonly findings: ModelFinding[] = [];

  constructor(readonly config: JsonObject) {}

  error(kind: ModelFindingKind, key: string, message: string): void {
    this.findings.push({ kind, severity: "error", key, message });
  }

  warning(kind: ModelFindingKind, key: string, message: string): void {
    this.findings.push({ kind, severity: "warning", key, message });
  }

  /** Whether anything was found that makes the config unusable. */
  get failed(): boolean {
    return this.findings.some(({ severity }) => severity === "error");
  }

  /** A whole number from 1 to `most`. */
  count(key: string, most = 1 << 24, otherwise?: number): number {
    const value = this.config[key] ?? otherwise;
    if (value === undefined) {
      this.error("value-missing", key, `config.json lacks ${key}.`);
      return 1;
    }
    if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= most) return value;
    const given =
      this.config[key] === undefined || this.config[key] === null ? " (hidden_size / num_attention_heads)" : "";
    const message = `${key} must be a whole number from 1 to ${most}, not ${show(value)}${given}.`;
    this.error("value-wrong", key, message);
    return 1;
  }

  /** A number > 0. */
  number(key: string, otherwise: number): number {
    const value = this.config[key] ?? otherwise;
    if (typeof value === "number" && value > 0 && Number.isFinite(value)) return value;
    this.error("value-wrong", key, `${key} must be a positive number, not ${show(value)}.`);
    return otherwise;
  }

  flag(key: string, otherwise: boolean): boolean {
    const value = this.config[key] ?? otherwise;
    if (typeof value === "boolean") return value;
    this.error("value-wrong", key, `${key} must be true or false, not ${show(value)}.`);
    return otherwise;
  }

  /** A whole number of 0 or more. */
  wholeNumber(key: string, otherwise: number): number {
    const value = this.config[key] ?? otherwise;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    this.error("value-wrong", key, `${key} must be a whole number of 0 or more, not ${show(value)}.`);
    return otherwise;
  }

  /** `sliding_window` in tokens; null: none. `otherwise` where the key is missing. */
  window(otherwise: number): number | null {
    const value = this.config.sliding_window;
    if (value === undefined) return otherwise;
    if (value === null) return null;
    const most = 2 ** 31 - 1;
    if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= most) return value;
    const message = `sliding_window must be a whole number from 1 to ${most} or null, not ${show(value)}.`;
    this.error("value-wrong", "sliding_window", message);
    return null;
  }

  /** A token id, or the first of a list of them; null when there is none. */
  token(key: string): number | null {
    const value = this.config[key];
    const first = Array.isArray(value) ? value[0] : value;
    if (first === undefined || first === null) return null;
    if (typeof first === "number" && Number.isInteger(first)) return first < 0 ? null : first;
    this.error("value-wrong", key, `${key} must be a token id or a list of them, not ${show(value)}.`);
    return null;
  }
}
