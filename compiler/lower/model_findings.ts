import { type Code, entryOf } from "../diagnostics/catalogue.ts";
import { isMadeForLonger, type ModelFinding, type ModelReading } from "../model/index.ts";
import { turningPairs } from "../rope/index.ts";
import { showNumber, showTokens } from "../values/show.ts";
import type { Reader } from "./reader.ts";

/** Findings with a diagnostic of their own; the others share CTX8002 (errors) or CTX8009 (surprises). */
const CODES = {
  "type-unknown": "CTX8011",
  "type-conflict": "CTX8012",
  "theta-shadowed": "CTX8013",
  "theta-conflict": "CTX8014",
  "parameters-shadowed": "CTX8015",
  "key-ignored": "CTX8016",
  "mscale-ignored": "CTX8016",
  "factor-mismatch": "CTX8017",
  "original-unseen": "CTX8018",
  "dynamic-frozen": "CTX8019",
  "partial-rotary": "CTX8024",
  "nested-parameters": "CTX8024",
  "factors-length": "CTX8025",
} as const satisfies { [kind in ModelFinding["kind"]]?: Code };

/** Every config that transformers 5 writes can't be read by version 4: no news to whoever has one. */
const oldReaders = "parameters-unseen";

/** Reports what a config.json was found to hold, each cause once, at the place that names the model. */
export function reportFindings(reading: ModelReading, file: string, reader: Reader): void {
  const all = reading.findings.filter(({ kind }) => kind !== oldReaders);
  const errors = all.filter(({ severity }) => severity === "error");
  const final = errors.find((error) => !entryOf(codeOf(error)).lowerable);
  // What follows from an error is not worth a warning of its own; but one that a recipe allows must not hide another.
  const findings = final ? [final] : errors.length > 0 ? errors : all;
  const causes = new Map<Code, ModelFinding[]>();
  for (const finding of findings) {
    const code = codeOf(finding);
    causes.set(code, [...(causes.get(code) ?? []), finding]);
  }
  for (const several of causes.values()) report(several, reading, file, reader);
  if (errors.length === 0) doubtContext(reading, file, reader);
}

function codeOf({ kind, severity }: ModelFinding) {
  if (kind === "family-unsupported") return "CTX8003";
  if (kind === "theta-missing") return "CTX8007";
  if (kind === "original-missing") return "CTX3014";
  if (kind in CODES) return CODES[kind as keyof typeof CODES];
  return severity === "error" ? "CTX8002" : "CTX8009";
}

/** @param findings of one code */
function report(findings: ModelFinding[], { model }: ModelReading, file: string, reader: Reader): void {
  const { severity } = findings[0]!;
  const code = codeOf(findings[0]!);
  const values = {
    file,
    name: reader.text("from") ?? file,
    problem: findings.map(problemOf).join("; "),
    hint: "mend the file",
    base: model ? described(model.rope) : "nothing",
    context: showTokens(model?.context ?? 0),
  };
  // Without a theta the severity depends on what else the file says.
  const extras = code === "CTX8007" ? { severity: model && meansDefault(model) ? severity : ("error" as const) } : {};
  reader.lowering.report.add(code, reader.at("from"), values, extras);
}

/** Vocabularies below this are those of Llama 1 and 2, with which theta 10,000 went without saying. */
const LLAMA_3_VOCABULARY = 100_000;

/** Whether a model without a theta may mean the default; of later families and vocabularies none was trained with it. */
function meansDefault({ family, vocab_size: vocabulary }: NonNullable<ModelReading["model"]>): boolean {
  return family === "llama" && vocabulary < LLAMA_3_VOCABULARY;
}

/** `yarn(factor: 4), theta 10,000`. */
function described({ formula, theta }: NonNullable<ModelReading["model"]>["rope"]): string {
  return formula.startsWith("theta") ? `theta = ${showNumber(theta)}` : `${formula} over theta = ${showNumber(theta)}`;
}

/** A finding's sentence after the name of the file. */
function problemOf({ message }: ModelFinding): string {
  return message.replace(/^config\.json /, "").replace(/\.$/, "");
}

/** A max_position_embeddings that can't be what the theta was made for. */
function doubtContext({ model }: ModelReading, file: string, reader: Reader): void {
  if (!model || reader.has("context")) return;
  if (!isMadeForLonger(model, model.context)) return;
  const all = model.head_dim / 2;
  const turning = turningPairs(model.rope.theta, model.context, model.head_dim);
  reader.lowering.report.add("CTX8023", reader.at("from"), {
    file,
    theta: showNumber(model.rope.theta),
    context: showTokens(model.context),
    turning: Math.max(0, Math.floor(turning) + 1),
    all,
  });
}
