import { showNumber, showRatio } from "../values/show.ts";
import { type Check, chain, replacing, steps } from "./context.ts";
import { ropePlace } from "./rope_place.ts";

/** Pairs that told the base model positions and now stand still: what it reads from them is gone. */
export const pairsStop: Check = (context) => {
  const { plan, trace, report } = context;
  if (plan.model.initialize) return;
  for (const { stage, pointer } of chain(context)) {
    const { stopped, classes } = stage.pairs;
    if (stopped === 0 || noneTurns(stage.rope.inv_freq) || stage.rope.parameters === null) continue;
    report.add("CTX3027", ropePlace(trace, pointer), { stopped, all: classes.length });
  }
};

/** Attention without any position: every order of the words is the same to it. */
export const someTurn: Check = ({ plan, trace, report }) => {
  for (const { stage, pointer } of steps(plan)) {
    if (noneTurns(stage.rope.inv_freq)) report.add("CTX3028", ropePlace(trace, pointer), {});
  }
};

/** A share of the pairs that is no whole number of them is rounded down. */
export const partialWhole: Check = ({ plan, trace, report }) => {
  for (const { stage, pointer } of steps(plan)) {
    const share = stage.rope.method === "proportional" ? stage.rope.parameters?.partial_rotary_factor : undefined;
    const all = stage.rope.inv_freq.length;
    if (typeof share !== "number" || Math.abs(share * all - Math.round(share * all)) < 1e-9) continue;
    const turning = Math.floor(share * all);
    if (turning === 0) continue; // said by someTurn
    const place = trace.exact(`${pointer}/rope/parameters/partial_rotary_factor`);
    const exact = showRatio(turning / all);
    report.add(
      "CTX3029",
      place ?? ropePlace(trace, pointer),
      { share: showRatio(share), all, pairs: showNumber(share * all), turning },
      { fixes: replacing(place, `partial: ${exact}`, exact, "safe") },
    );
  }
};

function noneTurns(frequencies: readonly number[]): boolean {
  return frequencies.every((frequency) => frequency === 0);
}
