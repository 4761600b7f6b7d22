import { keyValueNumbers } from "../compiler/model/index.ts";
import type { Plan, PlanStage } from "../compiler/plan.ts";
import { drawRing, ringBalance, ringSchedule, ringTraffic } from "../compiler/ring/index.ts";
import { showBytes, showRatio } from "../compiler/values/show.ts";
import { hanging, type Screen } from "./layout.ts";

/** Largest ring that is drawn: its mask has twice as many rows, and a plan is more than its ring. */
const largestDrawn = 4;

/** The rings of a plan, each once: who computes which block of the mask at which step, what travels, how even it is. */
export function ringLines(plan: Plan, { width }: Screen): string[] {
  const rings = new Map<string, PlanStage[]>();
  for (const stage of plan.stages) {
    const { ring, layout } = stage.parallel;
    const key = `${ring} ${layout}`;
    if (ring > 1) rings.set(key, [...(rings.get(key) ?? []), stage]);
  }
  return [...rings.values()].flatMap((stages, k) => [...(k > 0 ? [""] : []), ...oneRing(plan, stages, width)]);
}

function oneRing({ model }: Plan, stages: readonly PlanStage[], width: number): string[] {
  const [{ parallel, length, train }] = stages as [PlanStage];
  const { ring, layout } = parallel;
  const { efficiency } = ringBalance(ringSchedule({ length, ring, layout }));
  const even = `a causal row keeps its ranks ${showRatio(Number(efficiency.toPrecision(3)))} busy`;
  const paragraph = (line: string) => hanging(line, width, 4);
  const traffic = stages.flatMap(({ name, length }) => {
    const { forward, backward } = ringTraffic(
      ring,
      length / ring,
      keyValueNumbers(model),
      train.dtype === "bf16" ? 2 : 4,
    );
    return paragraph(
      `${name}: each rank sends ${showBytes(forward)} forward, ${showBytes(backward)} backward, in each layer for a row`,
    );
  });
  if (ring > largestDrawn) return [...paragraph(`${layout} ring of ${ring}: ${even}`), ...traffic];
  const [title, ...drawing] = drawRing({ length, ring, layout }).split("\n");
  return [...paragraph(`${title}; ${even}`), ...drawing, ...traffic];
}
