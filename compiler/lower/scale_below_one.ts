import type { Expression } from "../../grammar/ast.ts";
import type { FunctionDefinition } from "../../grammar/definition.ts";
import { showNumber, showTokens } from "../values/show.ts";
import type { Reader } from "./reader.ts";
import type { RopeStage } from "./rope.ts";

/**
 * `yarn(factor: scale)` in a stage that is shorter than the model's context: `scale` is then below 1, which no method stretches by. Said before the bounds of
 * the argument would say it, at the same place, with the two lengths that it comes from.
 */
export function explainScaleBelowOne(reader: Reader, { model, context, pointer }: RopeStage): void {
  const base = reader.has("original") ? reader.number("original") : model.context;
  if (base === undefined || context >= base) return;
  const { language, report, trace } = reader.lowering;
  const stated = reader.exact("original");
  for (const name of ["theta", "method"] as const) {
    const setting = reader.setting(name);
    if (!setting || setting.guessed) continue;
    for (const { at, parameter } of scales(setting.value, language.functions[name] ?? {})) {
      const [ours, its] = [showTokens(context), showTokens(base)];
      const values = {
        name: parameter,
        value: showNumber(context / base),
        range: `1 or more: scale is the stage's context over ${stated ? "original" : "the model's"}, ${ours} ÷ ${its}`,
      };
      const related = [
        {
          message: `the stage's context is ${ours}`,
          at: trace.exact(`${pointer}/context`) ?? trace.nearest(`${pointer}/length`),
        },
        stated
          ? { message: `original is ${its}`, at: stated }
          : { message: `the model's is ${its}`, at: trace.exact("/model/context") ?? trace.nearest("/model/from") },
      ];
      report.add("CTX2104", { file: setting.file, start: at.start, end: at.end }, values, { related });
    }
  }
}

/** Arguments that are `scale` and nothing else, in calls whose parameter is 1 at least; of a conditional it is not known which part counts. */
function scales(
  node: Expression,
  functions: { readonly [name: string]: FunctionDefinition },
): { at: Expression; parameter: string }[] {
  if (node.kind !== "call" || node.callee.kind !== "name") return [];
  const definition = Object.hasOwn(functions, node.callee.name) ? functions[node.callee.name] : undefined;
  return node.arguments.flatMap(({ name, value }, k) => {
    if (value.kind !== "name" || value.name !== "scale") return scales(value, functions);
    const parameter = definition?.parameters.find((each, at) => (name ? each.name === name.name : at === k));
    return parameter?.min === 1 ? [{ at: value, parameter: parameter.name }] : [];
  });
}
