import { expectedRate, pairFlops } from "../cost/index.ts";
import { grouped } from "../diagnostics/message.ts";
import type { Claim } from "../lower/lowering.ts";
import type { PlanDraft } from "../lower/plan.ts";
import { keyValueNumbers } from "../model/index.ts";
import type { PlanStage } from "../plan.ts";
import { divides, hiddenFromTokens } from "../ring/index.ts";
import { showBytes, showTokens } from "../values/show.ts";
import { type Check, type CheckContext, type StageStep, steps } from "./context.ts";
import { nearestLegal } from "./nearest_legal.ts";

/** Zigzag gives each rank one block from the front and one from the back, so a length splits into 2 × ring blocks. */
export const ringDivides: Check = (context) => {
  for (const step of steps(context.plan)) {
    const { ring, layout, devices } = step.stage.parallel;
    if (devices % ring !== 0) continue; // said by devicesSplit: the ring will be another one
    if (ring === 1 || divides(step.stage.length, ring, layout)) continue;
    reportIndivisible(context, step, layout === "zigzag" ? 2 * ring : ring);
  }
};

function reportIndivisible(context: CheckContext, step: StageStep, multiple: number): void {
  const { trace, report } = context;
  const { stage, pointer } = step;
  const { ring, layout } = stage.parallel;
  const length = trace.nearest(`${pointer}/length`);
  report.add(
    "CTX7001",
    trace.nearest(`${pointer}/parallel/ring`),
    {
      length: showTokens(stage.length),
      layout,
      ring,
      rule: layout === "zigzag" ? "2 × ring" : "ring",
      multiple,
    },
    {
      related: [
        {
          message: `stage ${stage.name} sets length = ${bothWays(stage.length)}`,
          at: length,
        },
      ],
      fixes: [...nearestLegal(context, step, "ring"), ...nearestLegal(context, step, "length")],
    },
  );
}

/**
 * Tokens on each rank from which computing hides sending: about 500 where 400 TFLOP/s meet 400 GB/s and 8 key heads serve
 * 32 query heads (`hiddenFromTokens`); on a CPU the ranks share memory, and only the loop around them counts.
 */
const leastTokens = { cuda: 512, cpu: 64 } as const;

/** A ring so large that each device holds only a few tokens waits for its neighbours more than it computes. */
export const ringTooFine: Check = (context) => {
  const { plan, trace, report } = context;
  for (const step of steps(plan)) {
    const { stage, pointer } = step;
    const { ring } = stage.parallel;
    const link = declaredLink(context, ring);
    const tokens = stage.length / ring;
    const least = link ? hiddenBehind(plan, stage, link.value) : leastTokens[plan.hardware.kind];
    if (ring === 1 || tokens >= least || !Number.isInteger(tokens)) continue;
    report.add(
      "CTX7004",
      trace.nearest(`${pointer}/parallel/ring`),
      { ring, tokens, least },
      {
        related: link ? [{ message: `a link of ${showBytes(link.value)} a second`, at: link.at }] : [],
        fixes: nearestLegal(context, step, "ring", (coarser) => stage.length / coarser >= least),
      },
    );
  }
};

/** Bytes per second of what a ring goes over, where the recipe says it: a ring larger than a host goes over the network. */
function declaredLink({ plan, claims }: CheckContext, ring: number): Claim | undefined {
  const { kind, devices_per_host, link_bytes_per_second: link, network_bytes_per_second: network } = plan.hardware;
  const within = kind === "cpu" || ring <= devices_per_host;
  const claim = (within ? undefined : claims.get("/hardware/network")) ?? claims.get("/hardware/link");
  return claim && { value: within ? link : Math.min(link, network), at: claim.at };
}

/** Tokens on each rank from which computing hides what goes over a link, at the rate that the hardware is expected to reach. */
function hiddenBehind({ model, hardware }: PlanDraft, { train }: PlanStage, link: number): number {
  const bytes = train.dtype === "bf16" ? 2 : 4;
  const shape = { keyValues: keyValueNumbers(model), pairFlops: pairFlops(model) };
  return hiddenFromTokens(shape, bytes, expectedRate(hardware, train.dtype), link);
}

/** "1Mi (1,048,576)", or one of them if they are the same. */
function bothWays(length: number): string {
  const short = showTokens(length);
  return short === grouped(length) ? short : `${short} (${grouped(length)})`;
}
