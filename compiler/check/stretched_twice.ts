import { pow } from "../arithmetic/elementary.ts";
import { showNumber } from "../values/show.ts";
import { type Check, type CheckContext, chain, type StageStep } from "./context.ts";
import { startsUnsaid } from "./scaling_factor.ts";

/** How much further than the length asks for the slowest pair may be slowed; theta and a method together do it many times over. */
const tolerated = 1.5;

/** How much a method has to add to what theta does; less is rounding, as of resonance's wavelengths. */
const added = 1.01;

/**
 * A raised theta and a scaling method in one block each stretch the whole length, and their effects multiply. Where a stage
 * before has already trained with that theta, the method starts from there and is meant.
 */
export const stretchedTwice: Check = (context) => {
  const { plan, trace, report } = context;
  for (const step of chain(context)) {
    const { stage, pointer } = step;
    const theta = trace.exact(`${pointer}/rope/theta`);
    const method = trace.exact(`${pointer}/rope/method`);
    const times = slowedBy(context, step);
    if (!theta || !method || times === undefined) continue;
    const scale = stage.context / plan.model.context;
    report.add(
      "CTX3022",
      theta,
      {
        method: stage.rope.method,
        times: showNumber(Number(times.toPrecision(3))),
        scale: showNumber(Number(scale.toPrecision(3))),
      },
      {
        related: [{ message: "the method stretches as well", at: method }],
        fixes: [{ title: "theta = model.theta", safety: "review", edits: [{ ...theta, text: "model.theta" }] }],
      },
    );
  }
};

/** By how much a stage's theta and method together slow the slowest pair, where both do and it is too much. */
export function slowedBy({ plan, trace }: CheckContext, { stage, pointer, knownRope }: StageStep): number | undefined {
  const { model } = plan;
  const written = ["theta", "method"].every((name) => trace.exact(`${pointer}/rope/${name}`));
  if (!written || model.initialize || stage.rope.method === "default" || stage.context <= model.context) {
    return undefined;
  }
  if (startsUnsaid(trace, pointer, model.rope) || stage.rope.theta === knownRope.theta) return undefined;
  const times = (model.rope.inv_freq.at(-1) ?? 0) / (stage.rope.inv_freq.at(-1) ?? 0);
  const byTheta = pow(stage.rope.theta / model.rope.theta, 1 - 2 / model.head_dim);
  const both = byTheta > added && times > byTheta * added;
  return both && Number.isFinite(times) && times > (tolerated * stage.context) / model.context ? times : undefined;
}
