import { showNumber } from "../values/show.ts";
import { type Check, chain } from "./context.ts";

/**
 * ntk_dynamic starts from the stage before, and with a factor other than 1 two steps are not one jump: adding or removing
 * a stage changes every theta after it. Saying which stage it starts from makes that deliberate.
 */
export const pathDependence: Check = (context) => {
  const { trace, report, pathDependent } = context;
  for (const { pointer, before } of chain(context)) {
    const dependence = pathDependent.get(pointer);
    if (!before || !dependence) continue;
    const { insert, chained, direct } = dependence;
    const title = `previous = ${before.name}`;
    const times = chained / direct;
    report.add(
      "CTX3003",
      trace.nearest(`${pointer}/rope/theta`),
      { stage: before.name, times: showNumber(Number(times.toPrecision(2))) },
      { fixes: insert ? [{ title, safety: "safe", edits: [{ ...insert.at, text: insert.text }] }] : [] },
    );
  }
};
