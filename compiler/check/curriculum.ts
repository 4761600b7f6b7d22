import { shownContext } from "../model/index.ts";
import { showNumber, showTokens } from "../values/show.ts";
import { type Check, chain, plentyOfTokens, replacing } from "./context.ts";

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

/** Part of the model's context below which a first stage is no extension, nor the short end of a curriculum. */
const tiny = 1 / 32;

/** A length written without its unit, such as 512 for 512Ki, is far below what the model reads already. */
export const unitForgotten: Check = (context) => {
  const { plan, trace, report } = context;
  const { model } = plan;
  for (const { stage, pointer, before } of chain(context)) {
    if (before || model.initialize || stage.context > model.context * tiny) continue;
    const place = trace.exact(`${pointer}/length`);
    const written = String(stage.length);
    const bare = place && place.end - place.start === written.length;
    const values = {
      stage: stage.name,
      previous: "the model",
      length: showTokens(stage.context),
      before: showTokens(model.context),
    };
    report.add("CTX4001", trace.nearest(`${pointer}/length`), values, {
      fixes: bare ? replacing(place, `length = ${written}Ki`, `${written}Ki`) : [],
    });
  }
};

/** The largest jump that a small number of tokens has been published for. */
const largestJump = 8;

/** Published jumps beyond 8 × took at least a billion tokens; PoSE is exempt, its rows stay short. */
export const jumpTooLarge: Check = (context) => {
  const { plan, trace, report } = context;
  const needed = plentyOfTokens(plan);
  for (const { stage, pointer, knownContext } of chain(context)) {
    const shown = shownContext(stage);
    const times = shown / knownContext;
    if (times <= largestJump || stage.tokens >= needed || stage.positions.kind === "pose") continue;
    report.add("CTX4002", trace.nearest(`${pointer}/length`), {
      before: showTokens(knownContext),
      length: showTokens(shown),
      times: showNumber(Number(times.toPrecision(3))),
      tokens: showNumber(stage.tokens),
      needed: showNumber(Math.round(needed)),
    });
  }
};
