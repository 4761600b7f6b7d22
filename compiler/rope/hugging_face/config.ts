/** A parsed config.json; nothing about its contents is taken for granted. */
export type JsonObject = { [key: string]: unknown };

/** Who reads a config: transformers before and from version 5, and vLLM, which disagree on several points. */
export type Consumer = "transformers 4" | "transformers 5" | "vLLM";

/** theta that both libraries fall back to, without a word, when a config names none. */
export const SILENT_THETA = 10_000;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `{ a: 1 }` but not `{}`, null or a list: what Python takes for true among dicts. */
export function isFilled(value: unknown): value is JsonObject {
  return isObject(value) && Object.keys(value).length > 0;
}

export function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === "number" && Number.isFinite(entry));
}

/** A value of unknown type for a message: short whatever it holds. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "an object";
  if (typeof value === "string") return value.length > 60 ? `${value.slice(0, 60)}…` : value;
  return String(value);
}
