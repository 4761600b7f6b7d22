import { divisors } from "../ring/index.ts";
import { type Check, replacing, steps } from "./context.ts";

/** A group of heads whose attention is computed at once is so many whole key-value heads. */
export const headGroupsDivide: Check = ({ plan, trace, report }) => {
  const { kv_heads: heads } = plan.model;
  for (const { stage, pointer } of steps(plan)) {
    const groups = stage.memory.head_groups ?? 1;
    if (heads % groups === 0) continue;
    const legal = divisors(heads);
    const near = [legal.findLast((count) => count < groups), legal.find((count) => count > groups)];
    const place = trace.exact(`${pointer}/memory/head_groups`);
    const fixes = near.flatMap((count) => (count ? replacing(place, `head_groups = ${count}`, String(count)) : []));
    const words = legal.length === 1 ? "1" : `${legal.slice(0, -1).join(", ")} or ${legal.at(-1)}`;
    report.add(
      "CTX7016",
      trace.nearest(`${pointer}/memory/head_groups`),
      { groups, kv_heads: heads, legal: words },
      { fixes },
    );
  }
};
