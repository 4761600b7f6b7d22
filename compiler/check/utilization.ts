import { HARDWARE_NAMES, hardwarePreset } from "../cost/hardware.ts";
import { showAboutRatio, showDuration, showNumber, showRatio } from "../values/show.ts";
import { type Check, replacing, steps } from "./context.ts";

/**
 * Shares of the peak that long-context training reaches: TRL 34-36%, EasyContext 38%, research up to 55%. No one has passed 70%, and
 * below 5% something else than computing takes the time.
 */
const reached = { least: 0.05, most: 0.7 } as const;

/** What the cost model is told to expect, against what has been reached. On a CPU high shares are common. */
export const efficiencyReached: Check = ({ plan, trace, report }) => {
  const { efficiency, kind } = plan.hardware;
  const place = trace.exact("/hardware/efficiency");
  if (!place || (efficiency >= reached.least && (efficiency <= reached.most || kind === "cpu"))) return;
  const bound = efficiency < reached.least ? reached.least : reached.most;
  const fixes = replacing(place, `efficiency = ${showRatio(bound)}`, showRatio(bound));
  report.add("CTX7012", place, { efficiency: showRatio(efficiency) }, { fixes });
};

/** Slack of a figure that a data sheet rounds. */
const rounding = 0.02;

/** Data sheets print the peak of matrices half of which is zero, twice that of the dense ones that training multiplies. */
export const peakIsDense: Check = ({ plan, trace, report }) => {
  const { kind, peak_flops_bf16: peak } = plan.hardware;
  const place = trace.exact("/hardware/peak_flops");
  if (!place || kind !== "cuda") return;
  const preset = HARDWARE_NAMES.map((name) => hardwarePreset(name)!).find(
    ({ peak_flops_bf16: dense }) => Math.abs(peak / (2 * dense) - 1) <= rounding,
  );
  if (!preset) return;
  const dense = `${preset.peak_flops_bf16 / 1e12}e12`;
  const values = { peak: `${showNumber(peak / 1e12)} TFLOP/s`, name: preset.name, dense };
  report.add("CTX7013", place, values, { fixes: replacing(place, `peak = ${dense}`, dense) });
};

/** Of the 3.5 forward passes that attention costs, what MFU counts: not the scores that the backward pass computes again. */
const scoresOnce = 3 / 3.5;

/** Wall time, work and hardware that do not go together: one of the three is not what it was. */
export const wallTimeReachable: Check = ({ plan, trace, report, claims }) => {
  if (!trace.exact("/hardware")) return;
  const { name, peak_flops, peak_flops_bf16 } = plan.hardware;
  for (const { stage, pointer } of steps(plan)) {
    const claim = claims.get(`${pointer}/wall_time`);
    if (!claim) continue;
    const { devices } = stage.parallel;
    const { linear, attention } = stage.flops;
    const peak = stage.train.dtype === "bf16" ? peak_flops_bf16 : peak_flops;
    const utilization = (linear + attention * scoresOnce) / (claim.value * devices * peak);
    if (utilization >= reached.least && utilization <= reached.most) continue;
    const values = {
      stage: stage.name,
      time: showDuration(claim.value),
      mfu: showAboutRatio(utilization),
      devices: `${showNumber(devices)} × ${name}`,
    };
    const sizes = `${showNumber(stage.steps)} steps of ${showNumber(stage.sequences)} rows`;
    const related = [{ message: sizes, at: trace.nearest(`${pointer}/sequences`) }];
    report.add("CTX7014", claim.at, values, { related });
  }
};
