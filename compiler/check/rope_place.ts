import type { Place } from "../diagnostics/diagnostic.ts";
import type { Trace } from "../lower/trace.ts";

/** Where a recipe says what a stage's table is: the formula, else the block, else the stage. */
export function ropePlace(trace: Trace, pointer: string, first: readonly string[] = []): Place {
  for (const name of [...first, "frequency", "method", "theta"]) {
    const place = trace.exact(`${pointer}/rope/${name}`);
    if (place) return place;
  }
  return trace.nearest(`${pointer}/rope`);
}
