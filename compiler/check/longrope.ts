import { baseFrequencies } from "../rope/index.ts";
import { showNumber, showTokens } from "../values/show.ts";
import { type Check, steps } from "./context.ts";
import { sameTable } from "./trained_arc.ts";

/** LongRoPE's factors should be at least 1 and never fall towards slower pairs (LongRoPE's `dim_mono` search). */
export const factorsFall: Check = ({ plan, trace, report }) => {
  for (const { stage, pointer } of steps(plan)) {
    if (stage.rope.method !== "longrope") continue;
    for (const name of ["long_factor", "short_factor"] as const) {
      const factors = stage.rope.parameters?.[name];
      if (!Array.isArray(factors)) continue;
      const pair = factors.findIndex((factor, i) => factor < (i === 0 ? 1 : factors[i - 1]!));
      if (pair < 0) continue;
      report.add("CTX3016", trace.nearest(`${pointer}/rope/parameters/${name}`), {
        name,
        before: showNumber(pair === 0 ? 1 : factors[pair - 1]!),
        after: showNumber(factors[pair]!),
        pair,
      });
    }
  }
};

/** transformers turns to `short_factor` up to the original length, which may be a table that nothing has trained. */
export const shortFactorUntrained: Check = ({ plan, trace, report }) => {
  const last = plan.stages.at(-1);
  const pointer = `/stages/${plan.stages.length - 1}`;
  // A base model's own lists are as its authors trained them.
  if (last?.rope.method !== "longrope" || trace.exact(`${pointer}/rope`) === undefined) return;
  const { short_factor: short, original_max_position_embeddings: original } = last.rope.parameters ?? {};
  if (!Array.isArray(short) || typeof original !== "number" || last.context <= original) return;
  const plain = baseFrequencies(last.rope.theta, 2 * last.rope.inv_freq.length);
  const table = plain.map((frequency, i) => frequency / short[i]!);
  if (sameTable(plan.model.rope.inv_freq, table) || plan.stages.some(({ rope }) => sameTable(rope.inv_freq, table)))
    return;
  const place = trace.exact(`${pointer}/rope/parameters/short_factor`);
  report.add("CTX3030", place ?? trace.nearest(`${pointer}/rope/method`), { original: showTokens(original) });
};
