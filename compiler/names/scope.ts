import type { FileNode, LetNode, ParamNode } from "../../grammar/ast.ts";
import type { Report } from "../diagnostics/report.ts";
import { hint } from "../diagnostics/suggest.ts";
import { evaluate } from "../evaluate/evaluate.ts";
import { Scope } from "../evaluate/scope.ts";
import type { Workings } from "../lower/workings.ts";
import { number } from "../values/value.ts";
import { isReserved, reserved } from "./reserved.ts";
import { settingNode, settingValue } from "./settings.ts";
import type { KnownWords } from "./words.ts";

/** A parsed file with its name. */
export interface SourceFile {
  readonly name: string;
  readonly tree: FileNode;
}

/**
 * The scope that every expression of a recipe starts from: constants, `param`s with what `--set` gives them, and `let`s.
 *
 * @param files the recipe first, then what it imports; a name in an earlier file counts
 * @param settings text of each `--set`, by name
 * @param words bare words that some property takes
 * @param workings takes note of where each definition is evaluated
 */
export function rootScope(
  files: readonly SourceFile[],
  settings: ReadonlyMap<string, string>,
  words: KnownWords,
  report: Report,
  workings: Pick<Workings, "note"> = { note: () => {} },
): Scope {
  const recipe = files[0]!;
  const scope = new Scope(recipe.name, report);
  for (const [name, where] of Object.entries(reserved)) if (where) scope.defineAbsent(name, where);
  scope.define("pi", number(Math.PI));
  const params = new Set<string>();
  const places = new Map<string, { file: string; start: number; end: number }>();
  for (const file of files) {
    const own = new Map<string, LetNode | ParamNode>();
    for (const node of file.tree.body) {
      if ((node.kind !== "let" && node.kind !== "param") || !node.name) continue;
      const { name } = node.name;
      const at = { file: file.name, start: node.name.start, end: node.name.end };
      if (node.kind === "param") params.add(name);
      const twin = own.get(name);
      if (isReserved(name)) report.add("CTX2019", at, { name });
      else if (twin) {
        const related = [{ message: `${name} is first defined`, at: places.get(name)! }];
        report.add("CTX2015", at, { kind: "name", name }, { related });
      } else if (!places.has(name)) {
        places.set(name, at);
        own.set(name, node);
        define(node, name, file, { settings, words, workings }, scope);
      }
    }
  }
  for (const name of settings.keys()) {
    if (!params.has(name)) {
      report.add("CTX2202", { file: recipe.name, start: 0, end: 0 }, { name, hint: hint(name, [...params]) });
    }
  }
  return scope;
}

interface Given {
  readonly settings: ReadonlyMap<string, string>;
  readonly words: KnownWords;
  readonly workings: Pick<Workings, "note">;
}

function define(
  node: LetNode | ParamNode,
  name: string,
  file: SourceFile,
  { settings, words, workings }: Given,
  scope: Scope,
): void {
  const text = node.kind === "param" ? settings.get(name) : undefined;
  const within = new Scope(file.name, scope.report, scope);
  const given = text === undefined ? undefined : settingNode(text);
  scope.defineLazy(
    name,
    (from) => {
      if (text !== undefined) return settingValue({ name, text, at: node.value }, words, within);
      const asking = from.within(file.name);
      workings.note(node.value, asking);
      return evaluate(node.value, asking);
    },
    text === undefined ? { node: node.value, file: file.name } : given && { node: given, file: null },
  );
}
