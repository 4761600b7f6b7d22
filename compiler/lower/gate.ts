import type { Expression } from "../../grammar/ast.ts";
import type { Place } from "../diagnostics/diagnostic.ts";
import { closest } from "../diagnostics/suggest.ts";
import { evaluate as evaluateExpression } from "../evaluate/evaluate.ts";
import type { Scope } from "../evaluate/scope.ts";
import type { Line, Section } from "../names/section.ts";
import type { PlanGate, PlanNeedle, PlanPerplexity } from "../plan.ts";
import { convert } from "../types/convert.ts";
import { showTokens } from "../values/show.ts";
import type { Lowering } from "./lowering.ts";
import { Reader } from "./reader.ts";

/** What a gate can set a bound for. */
const measures = ["needle", "perplexity"] as const;
type Measure = (typeof measures)[number];

/** The stage that a gate stands after. */
export interface GateGround {
  readonly stage: string;
  /** Place of the stage's name. */
  readonly at: Place;
  /** Lengths above it do not count: the stage does not train them. */
  readonly context: number;
  /** Whether it has to be decided here: the stage's own gate, or the last chance of one for all stages. */
  readonly binding: boolean;
}

/** A gate's bounds as written, with the place of each. */
interface Bounds {
  readonly values: Record<Measure, number | null>;
  readonly places: Map<Measure, Place>;
}

/** `needle >= 95%` and `perplexity <= 12`. Null when there is nothing to decide. */
export function lowerGate(
  section: Section | undefined,
  scope: Scope,
  path: string,
  measured: { needle: PlanNeedle | null; perplexity: PlanPerplexity | null; has: (measure: Measure) => boolean },
  ground: GateGround,
  lowering: Lowering,
): PlanGate | null {
  if (!section) return null;
  const reader = new Reader(section, section.definition, scope, `${path}.gate`, lowering);
  const otherwise = (reader.text("otherwise") as PlanGate["otherwise"] | undefined) ?? "stop";
  const bounds: Bounds = { values: { needle: null, perplexity: null }, places: new Map() };
  for (const line of section.lines) lowerBound(line, section, scope, bounds, lowering);
  const assigned = measures.filter((measure) => section.settings.has(measure));
  for (const measure of assigned) reportAssigned(measure, section, lowering);
  if (section.lines.length === 0 && assigned.length === 0) {
    const hint = "write needle >= 95% or perplexity <= 12";
    lowering.report.add("CTX2005", section.at, { block: "gate", name: "a condition", hint });
  }
  const unreached: Measure[] = [];
  for (const measure of measures) {
    const at = bounds.places.get(measure);
    if (!at || bounds.values[measure] === null) continue;
    if (!measured.has(measure)) {
      const values = { measure, problem: "nothing measures it", hint: `add ${measure} { … } to evaluate` };
      lowering.report.add("CTX4011", at, values);
    } else if (measured[measure]?.lengths.every((length) => length > ground.context)) {
      unreached.push(measure);
      bounds.values[measure] = null;
    }
  }
  if (unreached.length > 0) reportUnreached(unreached, bounds, ground, lowering);
  const { needle, perplexity } = bounds.values;
  return needle === null && perplexity === null ? null : { needle, perplexity, otherwise };
}

/** Bounds that every measured length is too long for: a gate over all stages passes over such a stage, with a warning. */
function reportUnreached(unreached: Measure[], { places }: Bounds, ground: GateGround, { report }: Lowering): void {
  const context = showTokens(ground.context);
  const measure = unreached.join(" and ");
  const problem = `nothing measures that within the ${context} of stage ${ground.stage}`;
  const elsewhere = ground.binding ? "" : ", or move the gate to the stages that it is meant for";
  const hint = `add a length of at most ${context} to ${measure}${elsewhere}`;
  const related = unreached.map((each) => ({ message: `the gate asks for ${each}`, at: places.get(each)! }));
  const severity = ground.binding ? "error" : "warning";
  report.add("CTX4011", ground.at, { measure, problem, hint }, { severity, related });
}

/** `needle = 95%`: a bound is a comparison. */
function reportAssigned(measure: Measure, section: Section, { report }: Lowering): void {
  const { nameAt, value, file, definition } = section.settings.get(measure)!;
  if (value.kind === "error") return;
  const operator = operatorOf(definition.type);
  const fixes = [
    {
      title: `${measure} ${operator} …`,
      safety: "safe" as const,
      edits: [{ file, start: nameAt.end, end: value.start, text: ` ${operator} ` }],
    },
  ];
  const values = { name: measure, expected: `a bound such as ${measure} ${operator} …`, actual: "an assignment" };
  report.add("CTX2101", { file, start: nameAt.start, end: value.end }, values, { fixes });
}

function operatorOf(type: Section["definition"]["properties"][string]["type"]): string {
  return (type.kind === "measure" && type.operators[0]) || ">=";
}

function lowerBound(line: Line, section: Section, scope: Scope, bounds: Bounds, lowering: Lowering): void {
  const node = line.expression;
  const within = scope.within(line.file);
  if (node.kind === "error") return;
  const measure = measureOf(node);
  const property = measure && section.definition.properties[measure];
  if (node.kind !== "binary" || !measure || property?.type.kind !== "measure") {
    reportNoBound(node, within, lowering);
    return;
  }
  if (!property.type.operators.includes(node.operator)) {
    const operator = operatorOf(property.type);
    const title = `${operator} instead of ${node.operator}`;
    const edit = { file: line.file, start: node.left.end, end: node.right.start, text: ` ${operator} ` };
    const fixes = [{ title, safety: "review" as const, edits: [edit] }];
    const hint = `write ${measure} ${operator} …, the only comparison there is for it`;
    lowering.report.add("CTX2018", within.place(node), { block: "gate", hint }, { fixes });
    return;
  }
  const first = bounds.places.get(measure);
  if (first) {
    const related = [{ message: `${measure} is first set`, at: first }];
    lowering.report.add("CTX2004", within.place(node), { name: measure, block: "gate" }, { related });
    return;
  }
  bounds.places.set(measure, within.place(node));
  lowering.workings.note(node, within);
  const value = evaluateExpression(node.right, within);
  const bound =
    value && convert(value, property.type.of, node.right, { language: lowering.language, scope: within, property });
  if (typeof bound === "number") bounds.values[measure] = bound;
}

/** A line that sets no bound; a misspelt measure is put right. */
function reportNoBound(node: Expression, scope: Scope, { report }: Lowering): void {
  const written = node.kind === "binary" && node.left.kind === "name" ? node.left : undefined;
  const meant = written && closest(written.name, measures);
  const hint = meant ? `did you mean ${meant}?` : "write needle >= 95% or perplexity <= 12";
  const fixes = meant
    ? [
        {
          title: `${meant} instead of ${written.name}`,
          safety: "safe" as const,
          edits: [{ ...scope.place(written), text: meant }],
        },
      ]
    : [];
  report.add("CTX2018", scope.place(node), { block: "gate", hint }, { fixes });
}

/** What a line compares; undefined when it is no comparison of a measure. */
function measureOf(node: Expression): Measure | undefined {
  if (node.kind !== "binary" || node.left.kind !== "name") return undefined;
  const { name } = node.left;
  return measures.find((measure) => measure === name);
}
