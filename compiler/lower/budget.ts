import type { Fix, Place } from "../diagnostics/diagnostic.ts";
import { grouped } from "../diagnostics/message.ts";
import { showAboutRatio, showTokens } from "../values/show.ts";
import type { Lowering } from "./lowering.ts";
import type { StagePlaces } from "./shape.ts";

/** A stage's budget as the recipe gives it. */
export interface Budget {
  readonly stage: string;
  readonly length: number;
  readonly batch: number;
  readonly steps: number | undefined;
  readonly tokens: number | undefined;
  /** Place of tokens or steps, or of the stage. */
  readonly at: Place;
  /** Whether it also says something that can't be read, which then is its budget more often than not. */
  readonly unread?: boolean;
  /** Where a stage writes them; absent where one value is for several stages. */
  readonly places?: StagePlaces;
}

/** Largest share by which a declared number of tokens may miss what the steps take. */
const slack = 0.005;

/** Share by which rounding up to whole steps may exceed a budget before that is said. */
const saidFrom = 0.1;

/** Optimizer steps of a stage: as written, or as many whole ones as its tokens fill. Undefined when it says neither. */
export function stepsOf(budget: Budget, { report }: Lowering): number | undefined {
  const { stage, length, batch, steps, tokens, at, places } = budget;
  const step = length * batch;
  if (steps !== undefined && tokens !== undefined) {
    const product = steps * step;
    if (Math.abs(product - tokens) > slack * product) {
      const fixes = corrections(budget, { steps, tokens });
      report.add("CTX4003", at, { steps, batch, length: showTokens(length), product, tokens }, { fixes });
    }
    return steps;
  }
  if (steps !== undefined) return steps;
  if (tokens === undefined) {
    if (!budget.unread) report.add("CTX4004", at, { stage });
    return undefined;
  }
  const taken = Math.ceil(tokens / step);
  const more = (taken * step) / tokens - 1;
  if (tokens < step) report.add("CTX4012", at, { tokens, step, batch, length: showTokens(length) });
  else if (more > saidFrom) {
    const values = { stage, taken: taken * step, more: showAboutRatio(more), step, steps: taken };
    const fewer = (taken - 1) * step;
    const fixes = correction("tokens", places?.tokens, fewer, String(fewer));
    report.add("CTX4017", at, values, { fixes });
  }
  return taken;
}

/** Which one of the four numbers could be the slip: each that a whole number near the others' quotient mends. */
function corrections({ length, batch, places }: Budget, given: { steps: number; tokens: number }): Fix[] {
  if (!places) return [];
  const { steps, tokens } = given;
  const whole = (name: string, place: Place | undefined, rest: number) => {
    const value = Math.round(tokens / rest);
    return value >= 1 && Math.abs(value * rest - tokens) <= slack * tokens * (1 - slack)
      ? correction(name, place, value, String(value))
      : [];
  };
  const product = steps * batch * length;
  return [
    ...whole("batch", places.sequences, steps * length),
    ...whole("steps", places.steps, batch * length),
    ...correction("tokens", places.tokens, product, String(product)),
  ];
}

function correction(name: string, place: Place | undefined, value: number, text: string): Fix[] {
  return place
    ? [{ title: `${name} = ${grouped(value)}`, safety: "review" as const, edits: [{ ...place, text }] }]
    : [];
}
