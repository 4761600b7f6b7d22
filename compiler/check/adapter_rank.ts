import { showNumber } from "../values/show.ts";
import { type Check, replacing, steps } from "./context.ts";

/** The smallest rank of a published adapter for a longer context: LongLoRA (2309.12307) and LongVILA train 8, YaRN 16. */
const smallest = 8;

/** From which growth of the context that counts, and for models of which size. */
const grown = 4;
const large = 1e9;

/** An update of a lower rank than any published one for so large a change of the positions. */
export const adapterRank: Check = ({ plan, trace, report }) => {
  if (plan.model.parameters < large) return;
  for (const { stage, pointer } of steps(plan)) {
    const times = stage.context / plan.model.context;
    const rank = stage.train.lora?.rank;
    if (rank === undefined || rank >= smallest || times < grown) continue;
    const place = trace.exact(`${pointer}/train/lora/rank`);
    const values = { rank, times: showNumber(Number(times.toPrecision(3))), least: smallest };
    const fixes = replacing(place, `rank: ${smallest}`, String(smallest));
    report.add("CTX6011", place ?? trace.nearest(`${pointer}/train/lora`), values, { fixes });
  }
};
