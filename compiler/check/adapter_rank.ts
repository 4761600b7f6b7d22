import type { PlanRope } from "../plan.ts";
import { showAbout, showNumber } from "../values/show.ts";
import { type Check, replacing, steps } from "./context.ts";

/** The smallest rank of a published adapter for a longer context: LongLoRA (2309.12307) and LongVILA train 8, YaRN 16. */
const smallest = 8;

/** From which growth of the context, or of the slowest pair's wavelength, that counts, and for models of which size. */
const grown = 4;
const large = 1e9;

/** An update of a lower rank than any published one for so large a change of the positions. */
export const adapterRank: Check = ({ plan, trace, report }) => {
  const { model } = plan;
  if (model.parameters < large) return;
  for (const { stage, pointer } of steps(plan)) {
    const rank = stage.train.lora?.rank;
    if (rank === undefined || rank >= smallest) continue;
    const times = stage.context / model.context;
    const slower = slowest(model.rope) / slowest(stage.rope);
    if (times < grown && !(slower >= grown)) continue;
    const change =
      times >= grown
        ? `a context ${showNumber(Number(times.toPrecision(3)))} times as long`
        : `wavelengths ${showAbout(slower)} times as long`;
    const place = trace.exact(`${pointer}/train/lora/rank`);
    const fixes = replacing(place, `rank: ${smallest}`, String(smallest));
    const at = place ?? trace.nearest(`${pointer}/train/lora`);
    report.add("CTX6011", at, { rank, change, least: smallest }, { fixes });
  }
};

/** Radians that the slowest pair turns from one token to the next; pairs that do not turn are left out. */
function slowest({ inv_freq: frequencies }: PlanRope): number {
  return frequencies.findLast((frequency) => frequency > 0) ?? 0;
}
