import type { Fix } from "../diagnostics/diagnostic.ts";
import { type Check, type CheckContext, replacing, steps } from "./context.ts";
import { nearestLegal } from "./nearest_legal.ts";

/** Devices split into rings, batches into data-parallel groups, rows into micro batches. */
export const devicesSplit: Check = (context) => {
  const { plan, trace, report } = context;
  for (const step of steps(plan)) {
    const { stage, pointer } = step;
    const { devices, ring, micro_batch: micro } = stage.parallel;
    if (devices > plan.hardware.devices) {
      const values = { asked: devices, have: plan.hardware.devices };
      const fixes = [...nearestLegal(context, step, "devices"), ...enough(context)];
      report.add("CTX7008", trace.nearest(`${pointer}/parallel/devices`), values, { fixes });
    }
    if (devices % ring !== 0) {
      const fixes = [...nearestLegal(context, step, "devices"), ...nearestLegal(context, step, "ring")];
      report.add("CTX7003", trace.nearest(`${pointer}/parallel/devices`), { devices, ring }, { fixes });
      continue;
    }
    const groups = devices / ring;
    if (groups > 1 && plan.hardware.kind === "cpu") {
      const place = trace.exact(`${pointer}/parallel/devices`);
      const fixes = replacing(place, `devices = ${ring}`, String(ring));
      report.add("CTX7009", trace.nearest(`${pointer}/parallel/devices`), { devices, ring, groups }, { fixes });
      continue;
    }
    if (stage.sequences % groups !== 0) {
      report.add(
        "CTX7002",
        trace.nearest(`${pointer}/sequences`),
        { batch: stage.sequences, groups, devices, ring },
        { fixes: nearestLegal(context, step, "batch") },
      );
      continue;
    }
    const rows = stage.sequences / groups;
    if (rows % micro !== 0) {
      report.add(
        "CTX7005",
        trace.nearest(`${pointer}/parallel/micro_batch`),
        { micro, rows, batch: stage.sequences, groups },
        { fixes: nearestLegal(context, step, "micro") },
      );
    }
  }
};

/** Hardware with as many devices as any stage asks for. */
function enough({ plan, trace }: CheckContext): Fix[] {
  const most = Math.max(...plan.stages.map(({ parallel }) => parallel.devices));
  return replacing(trace.exact("/hardware/devices"), `hardware { devices = ${most} }`, String(most));
}
