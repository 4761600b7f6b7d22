import { showNumber, showTokens } from "../values/show.ts";
import { type Check, chain, plentyOfTokens } from "./context.ts";

/** Stages usually grow: a shorter one after a longer one is more often a slip than a plan. */
export const lengthsFall: Check = (context) => {
  const { plan, trace, report } = context;
  for (const { stage, pointer, before } of chain(context)) {
    if (!before || stage.context >= before.context) continue;
    report.add(
      "CTX4001",
      trace.nearest(`${pointer}/length`),
      {
        stage: stage.name,
        previous: before.name,
        length: showTokens(stage.context),
        before: showTokens(before.context),
      },
      {
        related: [
          {
            message: `stage ${before.name} has ${showTokens(before.context)}`,
            at: trace.nearest(`/stages/${plan.stages.indexOf(before)}/length`),
          },
        ],
      },
    );
  }
};

/** The largest jump that a small number of tokens has been published for. */
const largestJump = 8;

/** Published jumps beyond 8 × took at least a billion tokens; PoSE is exempt, its rows stay short. */
export const jumpTooLarge: Check = (context) => {
  const { plan, trace, report } = context;
  const needed = plentyOfTokens(plan);
  for (const { stage, pointer, knownContext } of chain(context)) {
    const times = stage.context / knownContext;
    if (times <= largestJump || stage.tokens >= needed || stage.positions.kind === "pose") continue;
    report.add("CTX4002", trace.nearest(`${pointer}/length`), {
      before: showTokens(knownContext),
      length: showTokens(stage.context),
      times: showNumber(Number(times.toPrecision(3))),
      tokens: showNumber(stage.tokens),
      needed: showNumber(Math.round(needed)),
    });
  }
};
