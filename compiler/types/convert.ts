import type { Span } from "../../grammar/ast.ts";
import type { LanguageDefinition, PropertyDefinition, ValueType } from "../../grammar/definition.ts";
import { adviceOn, choiceHere } from "../../grammar/elsewhere.ts";
import type { Fix, Place } from "../diagnostics/diagnostic.ts";
import { renames } from "../diagnostics/suggest.ts";
import { unknownName } from "../evaluate/evaluate.ts";
import type { Scope } from "../evaluate/scope.ts";
import { describe, show } from "../values/show.ts";
import type { Unit, Value } from "../values/value.ts";
import { type NumberKind, withinBounds } from "./bounds.ts";
import { convertCall } from "./call.ts";
import { describeType, settingsOf } from "./describe.ts";
import { withoutQuotes } from "./quoted.ts";
import { asTheta } from "./theta_elsewhere.ts";
import type { Typed, TypedMap } from "./typed.ts";

/** What a conversion needs to know besides the value. */
export interface Target {
  readonly language: LanguageDefinition;
  readonly scope: Scope;
  /** The property or parameter that the value is for; bounds and names of messages come from it. */
  readonly property: PropertyDefinition;
  /** How the recipe sets the property; absent for what has no name of its own there. */
  readonly setting?: {
    readonly nameAt: Place;
    /** The value as it stands there. */
    readonly written: () => string;
    /** Whether the block sets another property. */
    readonly beside: (name: string) => boolean;
  };
}

/** Holds a value against a type. Undefined when it does not fit; that has then been reported at `at`. */
export function convert(value: Value, type: ValueType, at: Span, target: Target): Typed | undefined {
  switch (type.kind) {
    case "tokens":
    case "count":
    case "number":
    case "ratio":
    case "bytes":
    case "duration":
      return value.kind === "number" && unitsOf[type.kind].includes(value.unit)
        ? withinBounds(value, type.kind, at, target)
        : mismatch(value, type, at, target);
    case "text":
      return value.kind === "text" ? value.value : mismatch(value, type, at, target);
    case "flag":
      return value.kind === "flag" ? value.value : notAFlag(value, type, at, target);
    case "choice":
      return convertChoice(value, type, at, target);
    case "list":
    case "range":
      return convertList(value, type.of, type, at, target);
    case "map":
      return convertMap(value, type, at, target);
    case "formula":
      return convert(value, type.of, at, target);
    case "call":
      return value.kind === "call" || value.kind === "word"
        ? convertCall(value, type.set, at, target)
        : mismatch(value, type, at, target);
    case "reference":
      return value.kind === "word" || value.kind === "record" ? value.name : mismatch(value, type, at, target);
    case "union": {
      const fitting = type.of.filter((member) => accepts(member, value, target));
      // A word that fits no member is best explained by the choices, a number by the number.
      const member = fitting[0] ?? (value.kind === "word" ? type.of.find(({ kind }) => kind === "choice") : undefined);
      if (member?.kind === "ratio" && value.kind === "number" && value.value >= 1 && counts(type)) {
        const range = "a whole number, or a share below 100%";
        target.scope.report.add("CTX2104", target.scope.place(at), {
          name: target.property.name,
          value: show(value),
          range,
        });
        return undefined;
      }
      return member && (fitting.length > 0 || type.of.every(({ kind }) => kind === "choice"))
        ? convert(value, member, at, target)
        : mismatch(value, type, at, target);
    }
    case "condition":
    case "measure":
      return mismatch(value, type, at, target);
  }
}

/** Whether a type takes a share of something that it also counts: as a plain number a share of 1 or more would be a count. */
function counts(type: Extract<ValueType, { kind: "union" }>): boolean {
  return type.of.some(({ kind }) => kind === "count");
}

/** Units that each kind of number takes. A bare number may count anything but bytes and time. */
export const unitsOf: Readonly<Record<NumberKind, readonly Unit[]>> = {
  tokens: ["number", "tokens"],
  count: ["number", "tokens"],
  number: ["number", "tokens", "ratio"],
  ratio: ["number", "ratio"],
  bytes: ["bytes"],
  duration: ["duration"],
};

/** Whether a value looks like it is meant for a type; bounds and names are not looked at. */
function accepts(type: ValueType, value: Value, target: Target): boolean {
  switch (type.kind) {
    case "tokens":
    case "count":
    case "number":
    case "ratio":
    case "bytes":
    case "duration":
      if (value.kind !== "number" || !unitsOf[type.kind].includes(value.unit)) return false;
      // Between a count and a share the written form decides: 10% and 0.1 are shares, 3 is a count.
      return type.kind !== "count" || Number.isInteger(value.value);
    case "text":
    case "flag":
      return value.kind === type.kind;
    case "choice":
      return value.kind === "word" && type.choices.includes(value.name);
    case "list":
    case "range":
      return value.kind === "list";
    case "map":
      return value.kind === "map";
    case "formula":
      return accepts(type.of, value, target);
    case "call":
      return value.kind === "call" || (value.kind === "word" && namesFunction(target.language, type.set, value.name));
    case "reference":
      return value.kind === "word" || value.kind === "record";
    case "union":
      return type.of.some((member) => accepts(member, value, target));
    default:
      return false;
  }
}

function namesFunction(language: LanguageDefinition, set: string, name: string): boolean {
  return Object.hasOwn(language.functions[set] ?? {}, name);
}

function convertChoice(
  value: Value,
  type: Extract<ValueType, { kind: "choice" }>,
  at: Span,
  target: Target,
): string | undefined {
  const name = value.kind === "word" ? value.name : value.kind === "text" ? value.value : undefined;
  if (name === undefined) return mismatch(value, type, at, target);
  if (type.choices.includes(name)) return name;
  const place = target.scope.place(at);
  const meant = choiceHere(target.property.name, name);
  const here = meant !== undefined && type.choices.includes(meant) ? meant : undefined;
  const fixes: Fix[] = here
    ? [{ title: `${here} instead of ${name}`, safety: "safe", edits: [{ ...place, text: here }] }]
    : meant === undefined
      ? renames(name, type.choices, place)
      : [];
  const choices = withAdvice(type.choices.join(", "), here ? `it is ${here} here` : adviceOn(name));
  target.scope.report.add("CTX2006", place, { value: name, name: target.property.name, choices }, { fixes });
  return undefined;
}

/** Words of YAML and Python for true and false. */
const flagWords: ReadonlyMap<string, string> = new Map([
  ...["true", "yes", "on"].map((word) => [word, "true"] as const),
  ...["false", "no", "off"].map((word) => [word, "false"] as const),
]);

function notAFlag(value: Value, type: ValueType, at: Span, target: Target): undefined {
  const written = value.kind === "word" ? value.name : value.kind === "text" ? value.value : "";
  const meant = flagWords.get(written.toLowerCase());
  if (meant === undefined) return mismatch(value, type, at, target);
  const place = target.scope.place(at);
  const title = `${meant} instead of ${value.kind === "text" ? JSON.stringify(written) : written}`;
  const fixes: Fix[] = [{ title, safety: "safe", edits: [{ ...place, text: meant }] }];
  const values = { value: written, name: target.property.name, choices: "true, false" };
  target.scope.report.add("CTX2006", place, values, { fixes });
  return undefined;
}

/** The names there are, and what to write for one of another tool. */
export function withAdvice(choices: string, advice: string | undefined): string {
  return advice === undefined ? choices : `${choices}; ${advice}`;
}

function convertList(
  value: Value,
  of: ValueType,
  type: ValueType,
  at: Span,
  target: Target,
): readonly Typed[] | undefined {
  if (value.kind !== "list") return mismatch(value, type, at, target);
  const items = value.items.map((item) => convert(item.value, of, item.at, target));
  return items.every((item) => item !== undefined) ? items : undefined;
}

function convertMap(
  value: Value,
  type: Extract<ValueType, { kind: "map" }>,
  at: Span,
  target: Target,
): TypedMap | undefined {
  if (value.kind !== "map") return mismatch(value, type, at, target);
  const { scope } = target;
  const map = new Map<string, { value: Typed; at: Place; keyAt: Place }>();
  let whole = true;
  for (const entry of value.entries) {
    const keyAt = scope.place(entry.keyAt);
    const first = map.get(entry.key);
    const item = convert(entry.value, type.of, entry.at, target);
    if (first) {
      const related = [{ message: `${entry.key} first stands`, at: first.keyAt }];
      scope.report.add("CTX2004", keyAt, { name: entry.key, block: target.property.name }, { related });
    }
    if (item === undefined || first) whole = false;
    else map.set(entry.key, { value: item, at: scope.place(entry.at), keyAt });
  }
  return whole ? map : undefined;
}

/** Reports a value of the wrong type. An unbound word is more often an unknown name than a wrong type. */
function mismatch(value: Value, type: ValueType, at: Span, target: Target): undefined {
  const { scope, property, language } = target;
  const place = scope.place(at);
  const settings = value.kind === "call" ? settingsOf(value.name, language) : [];
  const isUnknown = (value.kind === "word" || value.kind === "call") && settings.length === 0;
  if (isUnknown && !holdsWords(type)) unknownName(value, at, scope);
  else {
    const theta = asTheta(value, at, target);
    const fixes = theta
      ? theta.fixes
      : value.kind === "text"
        ? withoutQuotes(value.value, type, at, target)
        : inBrackets(value, type, place, target);
    const belongs = settings.length > 0 && !holdsWords(type) ? `, which ${settings.join(" or ")} takes` : "";
    const values = {
      name: property.name,
      expected: describeType(type, language),
      actual: theta?.actual ?? describe(value) + belongs,
    };
    scope.report.add("CTX2101", place, values, { fixes });
  }
  return undefined;
}

/** One value where a list of such is due. */
function inBrackets(value: Value, type: ValueType, place: Place, target: Target): Fix[] {
  const lists = (type.kind === "union" ? type.of : [type]).filter(({ kind }) => kind === "list");
  if (!lists.some((list) => list.kind === "list" && accepts(list.of, value, target))) return [];
  const edits = [
    { ...place, end: place.start, text: "[" },
    { ...place, start: place.end, text: "]" },
  ];
  return [{ title: `[${show(value)}]`, safety: "safe", edits }];
}

function holdsWords(type: ValueType): boolean {
  return type.kind === "union" ? type.of.some(holdsWords) : ["choice", "call", "reference", "text"].includes(type.kind);
}

/** A typed value as a recipe would write it, for lists of defaults. */
export function showTyped(value: Typed): string {
  if (typeof value === "number") return show({ kind: "number", value, unit: "number" });
  if (typeof value === "string" || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return `[${value.map(showTyped).join(", ")}]`;
  if (value instanceof Map)
    return `{ ${[...value].map(([key, item]) => `${key}: ${showTyped(item.value)}`).join(", ")} }`;
  return "name" in value ? `${value.name}` : "";
}
