import { Ajv, type ValidateFunction } from "ajv";
import type { EvaluationResult } from "../evaluate/result.ts";
import { Failure } from "./failure.ts";
import { readJson } from "./files.ts";
import type { RunOrigin } from "./folder.ts";

/**
 * The shapes of what a run leaves besides its plan, as JSON Schemas: these files lie open to editors and failing disks, and what reads
 * them again must not stumble over a field that is not there.
 */

type Schema = { [keyword: string]: unknown };

const text: Schema = { type: "string" };
const number: Schema = { type: "number" };
const count: Schema = { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER };
const counts: Schema = { type: "array", items: count };
const flag: Schema = { type: "boolean" };
const orNull = (schema: Schema): Schema => ({ anyOf: [{ type: "null" }, schema] });
const list = (items: Schema): Schema => ({ type: "array", items });
const record = (properties: { [name: string]: Schema }): Schema => ({
  type: "object",
  properties,
  required: Object.keys(properties),
});

const share = { correct: count, total: count, accuracy: number, low: number, high: number };

const needle = record({
  settings: record({ lengths: counts, depths: list(number), samples: count, haystack: text, digits: count }),
  cells: list(record({ ...share, length: count, depth: number })),
  lengths: list(record({ ...share, length: count })),
  overall: record(share),
  seconds: number,
});

const bucket = record({ from: count, to: count, tokens: count, nll: number, perplexity: number, error: number });

const perplexity = record({
  settings: record({ files: list(text), source: orNull(text), lengths: counts, samples: count }),
  lengths: list(
    record({ length: count, windows: count, tokens: count, nll: number, perplexity: number, buckets: list(bucket) }),
  ),
  seconds: number,
});

const evaluation = record({
  version: { const: 1 },
  name: text,
  model: text,
  rope: record({ method: text, theta: number, attention_factor: number }),
  context: count,
  needle: orNull(needle),
  perplexity: orNull(perplexity),
  gate: orNull(record({ passed: flag, reasons: list(text), otherwise: { enum: ["stop", "warn"] } })),
  seconds: number,
});

const beginning = { base: text, started_from: text, options: list(text), started: text, version: text };
const origin: Schema = {
  ...record(beginning),
  properties: { ...beginning, machine: record({ processor: text, threads: count }) },
};

const step = record({
  stage: text,
  step: count,
  global_step: count,
  loss: orNull(number),
  text_loss: orNull(number),
  answer_loss: orNull(number),
  answer_accuracy: orNull(number),
  lr: number,
  grad_norm: orNull(number),
  tokens: count,
  tokens_per_second: number,
  seconds: number,
  memory_bytes: count,
  rss_bytes: count,
  time: text,
});

const compiled = new Map<Schema, ValidateFunction>();

/** What is wrong with a value, naming the field by its JSON pointer; null: nothing. */
function fault(schema: Schema, value: unknown): string | null {
  let validate = compiled.get(schema);
  if (!validate) {
    validate = new Ajv({ strict: false }).compile(schema);
    compiled.set(schema, validate);
  }
  if (validate(value)) return null;
  const [first] = validate.errors ?? [];
  return `${first?.instancePath || "it"} ${first?.message ?? "is wrong"}`;
}

/** Reads run.json. @throws Failure that names the file */
export function readOrigin(path: string): RunOrigin {
  const value = readJson<RunOrigin>(path);
  const wrong = fault(origin, value);
  if (wrong === null) return value;
  throw new Failure(
    "input",
    `${path} does not say what a run was started from: ${wrong}`,
    "put an unbroken copy of it back",
  );
}

/** Reads an evaluation's result. @throws Failure that names the file */
export function readEvaluation(path: string): EvaluationResult {
  const value = readJson<EvaluationResult>(path);
  const wrong = fault(evaluation, value);
  if (wrong === null) return value;
  const hint = "delete it: ctx run --resume evaluates again what has no result";
  throw new Failure("input", `${path} is not the result of an evaluation: ${wrong}`, hint);
}

/** What is wrong with a line of metrics.jsonl; null: nothing. */
export function stepFault(value: unknown): string | null {
  return fault(step, value);
}
