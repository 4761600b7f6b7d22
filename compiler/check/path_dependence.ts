import { type Check, chain } from "./context.ts";

/**
 * ntk_dynamic starts from the stage before, and with a factor other than 1 two steps are not one jump: adding or removing
 * a stage changes every theta after it. Saying which stage it starts from makes that deliberate.
 */
export const pathDependence: Check = (context) => {
  const { trace, report } = context;
  for (const { stage, pointer, before } of chain(context)) {
    if (!before || !/\bntk_dynamic\s*\(/.test(stage.rope.formula) || trace.exact(`${pointer}/rope/previous`)) continue;
    if (/\bntk_dynamic\s*\(\s*(factor\s*:\s*)?1\s*\)/.test(stage.rope.formula)) continue;
    report.add("CTX3003", trace.nearest(`${pointer}/rope/theta`), { stage: before.name });
  }
};
