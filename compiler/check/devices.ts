import { divides, divisors } from "../ring/index.ts";
import { type Check, replacing, steps } from "./context.ts";
import { ringFix } from "./ring.ts";

/** Devices split into rings, batches into data-parallel groups, rows into micro batches. */
export const devicesSplit: Check = ({ plan, trace, report }) => {
  for (const { stage, pointer } of steps(plan)) {
    const { devices, ring, layout, micro_batch: micro } = stage.parallel;
    if (devices > plan.hardware.devices) {
      report.add("CTX7008", trace.nearest(`${pointer}/parallel/devices`), {
        asked: devices,
        have: plan.hardware.devices,
      });
    }
    if (devices % ring !== 0) {
      const place = trace.exact(`${pointer}/parallel/devices`);
      const legal = Math.max(1, Math.round(devices / ring)) * ring;
      // A ring that does not divide the length either has to change anyway.
      const fixes =
        ring === 1 || divides(stage.length, ring, layout)
          ? replacing(place, `devices = ${legal}`, String(legal))
          : ringFix(trace.exact(`${pointer}/parallel/ring`), stage);
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
      const place = trace.exact(`${pointer}/sequences`);
      const legal = Math.max(1, Math.round(stage.sequences / groups)) * groups;
      report.add(
        "CTX7002",
        trace.nearest(`${pointer}/sequences`),
        { batch: stage.sequences, groups, devices, ring },
        { fixes: replacing(place, `batch = ${legal}`, String(legal)) },
      );
      continue;
    }
    const rows = stage.sequences / groups;
    if (rows % micro !== 0) {
      const place = trace.exact(`${pointer}/parallel/micro_batch`);
      const legal = divisors(rows).findLast((divisor) => divisor <= micro) ?? 1;
      report.add(
        "CTX7005",
        trace.nearest(`${pointer}/parallel/micro_batch`),
        { micro, rows, batch: stage.sequences, groups },
        { fixes: replacing(place, `micro_batch = ${legal}`, String(legal)) },
      );
    }
  }
};
