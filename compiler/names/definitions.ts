import type { Span } from "../../grammar/ast.ts";
import type { LanguageDefinition, PropertyDefinition, ValueType } from "../../grammar/definition.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { Report } from "../diagnostics/report.ts";
import { evaluate, unknownName } from "../evaluate/evaluate.ts";
import { Scope } from "../evaluate/scope.ts";
import { convertCall } from "../types/call.ts";
import type { Call, Value } from "../values/value.ts";
import { placeNames } from "./reserved.ts";
import type { SourceFile } from "./scope.ts";
import type { KnownWords } from "./words.ts";

/**
 * A scope for what no stage has evaluated: names that only a stage gives a value to are known there, but whatever is made
 * of them has none, and nothing is said of it.
 */
export function outsideStages(scope: Scope): Scope {
  const outside = new Scope(scope.file, scope.report, scope, "unknown");
  for (const name of placeNames) outside.define(name, undefined);
  return outside;
}

/**
 * Evaluates every `let` and `param`, used or not. Of one that nothing uses, nobody has checked the words and calls in its
 * value: they must then fit some property of the language.
 *
 * @param words bare words that some property takes
 */
export function checkDefinitions(
  files: readonly SourceFile[],
  scope: Scope,
  language: LanguageDefinition,
  words: KnownWords,
  report: Report,
): void {
  const outside = outsideStages(scope);
  const seen = new Set<string>();
  for (const file of files) {
    const within = outside.within(file.name);
    for (const node of file.tree.body) {
      if ((node.kind !== "let" && node.kind !== "param") || !node.name) continue;
      const { name } = node.name;
      // Of an imported name that the recipe defines anew, only the recipe's value counts.
      if (seen.has(name)) continue;
      seen.add(name);
      const used = scope.used(name);
      // Of a param, the value that --set gives and the default are both looked at.
      within.lookup(name, node.name);
      const value = evaluate(node.value, within);
      if (value && !used) checkUnused(value, node.value, { scope: within, language, words, report });
    }
  }
}

interface Ground {
  readonly scope: Scope;
  readonly language: LanguageDefinition;
  readonly words: KnownWords;
  readonly report: Report;
}

function checkUnused(value: Value, at: Span, ground: Ground): void {
  if (value.kind === "list") for (const item of value.items) checkUnused(item.value, item.at, ground);
  else if (value.kind === "map") for (const entry of value.entries) checkUnused(entry.value, entry.at, ground);
  else if (value.kind === "word" && !ground.words().has(value.name))
    unknownName(value, at, ground.scope, ground.words());
  else if (value.kind === "call") checkCall(value, at, ground);
}

/** A call fits if one of the sets that have a function of its name takes it; else what the first says is reported. */
function checkCall(value: Call, at: Span, { scope, language, report }: Ground): void {
  const sets = Object.keys(language.functions).filter((set) => Object.hasOwn(language.functions[set]!, value.name));
  let first: readonly Diagnostic[] | undefined;
  for (const set of sets) {
    const found = new Report();
    const quiet = scope.reportingTo(found);
    convertCall(value, set, at, { language, scope: quiet, property: propertyNamed(set) });
    if (!found.hasErrors) return;
    first ??= found.list();
  }
  if (!first) unknownName(value, at, scope);
  for (const diagnostic of first ?? []) report.keep(diagnostic);
}

/** A property that takes the calls of a set, for messages. */
function propertyNamed(set: string): PropertyDefinition {
  const type: ValueType = { kind: "call", set };
  const none = { required: false, default: null, min: null, max: null, minIncluded: true, choices: {}, group: null };
  return { name: set, doc: "", status: "ready", type, ...none } as unknown as PropertyDefinition;
}
