import type { Expression, Span } from "../../grammar/ast.ts";
import { parse } from "../../grammar/index.ts";
import type { SourceText } from "../../grammar/text.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { Report } from "../diagnostics/report.ts";
import { evaluate, unknownName } from "../evaluate/evaluate.ts";
import type { Scope } from "../evaluate/scope.ts";
import type { Value } from "../values/value.ts";
import type { SourceFile } from "./scope.ts";
import type { KnownWords } from "./words.ts";

/** `--set name=text`, and the place of the default that it takes the place of. */
interface GivenSetting {
  readonly name: string;
  readonly text: string;
  readonly at: Span;
}

/** The expression that the text of a `--set` is; undefined when it is none. */
export function settingNode(text: string): Expression | undefined {
  const { file, problems } = parse(`let value = ${text}\n`);
  const [statement, ...others] = file.body;
  return problems.length === 0 && others.length === 0 && statement?.kind === "let" ? statement.value : undefined;
}

/** The value that `--set name=text` gives; a bare word is taken as such if any property takes it. */
export function settingValue({ name, text, at }: GivenSetting, words: KnownWords, scope: Scope): Value | undefined {
  const node = settingNode(text);
  const found = new Report();
  let reason = 'it is not an expression: write a value as in a recipe, such as 64Ki, 10% or "text"';
  if (node) {
    const quiet = scope.reportingTo(found);
    const value = evaluate(node, quiet);
    if (value?.kind === "word" && !words().has(value.name)) unknownName(value, node, quiet, words());
    const [first] = found.list();
    if (value && !first) return value;
    if (first) reason = `${first.message}: ${first.label}`;
  }
  scope.report.add("CTX2203", scope.place(at), { name, value: text, reason });
  return undefined;
}

/** What is wrong where a param is used may be wrong with the value that `--set` gave it: the diagnostic then says so. */
export function withSettings(
  diagnostics: readonly Diagnostic[],
  settings: ReadonlyMap<string, string>,
  files: readonly SourceFile[],
  texts: ReadonlyMap<string, SourceText>,
): Diagnostic[] {
  if (settings.size === 0) return [...diagnostics];
  const params = files.flatMap(({ name: file, tree }) =>
    tree.body.flatMap((node) => {
      const text = node.kind === "param" && node.name ? settings.get(node.name.name) : undefined;
      if (node.kind !== "param" || !node.name || text === undefined) return [];
      const { name, start, end } = node.name;
      return [{ name, message: `--set ${name}=${text} takes the place of the default`, at: { file, start, end } }];
    }),
  );
  return diagnostics.map((diagnostic) => {
    const written = texts.get(diagnostic.at.file)?.slice(diagnostic.at) ?? "";
    const given = params.filter(({ name, at }) => new RegExp(`\\b${name}\\b`).test(written) && !covers(diagnostic, at));
    const related = given.map(({ message, at }) => ({ message, at }));
    return given.length === 0 ? diagnostic : { ...diagnostic, related: [...diagnostic.related, ...related] };
  });
}

function covers({ at: outer }: Diagnostic, at: Diagnostic["at"]): boolean {
  return outer.file === at.file && outer.start <= at.start && outer.end >= at.end;
}
