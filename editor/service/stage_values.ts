/** Values that the compiler has worked out, as a person reads them beside the recipe. */
import type { StageValue, Workings } from "../../compiler/lower/workings.ts";
import { deviceNeed } from "../../compiler/memory/index.ts";
import type { PlanHardware, PlanPairs, PlanStage } from "../../compiler/plan.ts";
import { show, showBytes, showDuration, showNumber, showTokens } from "../../compiler/values/show.ts";
import type { Value } from "../../compiler/values/value.ts";

/** What stages are planned for. */
type Ground = NonNullable<Workings["ground"]>;

/** Rows of a table that are shown; the rest is counted. */
const mostRows = 16;

/** A value in full: a count of tokens both ways. Undefined for what only repeats the recipe's words. */
export function showValue(value: Value): string | undefined {
  switch (value.kind) {
    case "number": {
      const shown = show(value);
      const exact = showNumber(value.value);
      return (value.unit === "tokens" || value.unit === "bytes") && shown !== exact ? `${shown} (${exact})` : shown;
    }
    case "flag":
      return show(value);
    case "list": {
      const items = value.items.map((item) => (item.value.kind === "number" ? show(item.value) : undefined));
      return items.includes(undefined) ? undefined : `[${items.join(", ")}]`;
    }
    default:
      return undefined;
  }
}

/** The values of an expression as markdown: one line where all stages agree, else a table. */
export function valueTable(values: readonly StageValue[]): string {
  const rows = values.flatMap(({ stage, pair, value }) => {
    const shown = showValue(value);
    return shown === undefined
      ? []
      : [{ where: [stage, pair === null ? null : `pair ${pair}`].filter((part) => part !== null).join(", "), shown }];
  });
  const [first] = rows;
  if (!first) return "";
  if (rows.every(({ shown }) => shown === first.shown)) return `= ${first.shown}`;
  return table(
    ["stage", "value"],
    rows.map(({ where, shown }) => [where, shown]),
  );
}

/** A theta; digits after the point say nothing beside thousands. */
export function showTheta(theta: number): string {
  return showNumber(theta >= 1000 ? Math.round(theta) : theta);
}

/** "4 of 64 (60–63), up to 1.9 × as far": the pairs that reach angles which training has not shown. */
export function showOut(pairs: PlanPairs): string {
  if (pairs.extrapolated === 0) return "none";
  const out = [...pairs.classes.keys()].filter((k) => pairs.classes[k] === "extrapolated");
  const [first, last] = [out[0]!, out.at(-1)!];
  const which = last - first + 1 === out.length ? (first === last ? `${first}` : `${first}–${last}`) : out.join(", ");
  return `${pairs.extrapolated} of ${pairs.classes.length} (${which}), up to ${Number(pairs.furthest.toPrecision(3))} × the trained angle`;
}

/** Thetas of stages, and the pairs that each leaves out of distribution. */
export function thetaTable(stages: readonly PlanStage[]): string {
  if (stages.length === 0) return "";
  const method = (stage: PlanStage) => (stage.rope.method === "default" ? "" : ` ${stage.rope.method}`);
  return table(
    ["stage", "context", "theta", "pairs out of distribution"],
    stages.map((stage) => [
      stage.name,
      showTokens(stage.context),
      showTheta(stage.rope.theta) + method(stage),
      showOut(stage.pairs),
    ]),
  );
}

/** Memory and time of a stage, in one line. */
export function ledgerLine(stage: PlanStage, ground: Ground): string {
  const { hardware } = ground;
  const need = deviceNeed(ground, stage);
  const full = need > hardware.device_bytes ? "⚠ " : "";
  const memory =
    stage.memory.device && `${full}${showBytes(need)} of ${showBytes(hardware.device_bytes)} on ${onDevice(hardware)}`;
  // A CPU's memory is the host's.
  const hosts = hardware.kind === "cpu" ? [] : Object.values(stage.memory.host);
  const host = hosts.reduce((sum, part) => sum + part, 0);
  return [
    ...(memory === null ? [] : [memory]),
    ...(host > 0 ? [`${showBytes(host)} in the host`] : []),
    ...(stage.memory.disk > 0 ? [`${showBytes(stage.memory.disk)} on disk`] : []),
    showDuration(stage.seconds),
    `${showNumber(stage.tokens)} tokens`,
    `theta ${showTheta(stage.rope.theta)}`,
    ...(stage.pairs.extrapolated > 0 ? [`${stage.pairs.extrapolated} of ${stage.pairs.classes.length} pairs out`] : []),
  ].join(" · ");
}

function onDevice({ kind, devices }: PlanHardware): string {
  if (kind === "cpu") return "the CPU";
  return devices > 1 ? "each device" : "the device";
}

/** What a stage's memory is made of, the largest part first, and what it takes of time. */
export function memoryTable(stage: PlanStage, ground: Ground): string {
  const { device, host, disk } = stage.memory;
  const { hardware } = ground;
  if (!device) return `**${stage.name}**: ${ledgerLine(stage, ground)}`;
  const need = deviceNeed(ground, stage);
  const { total, ...terms } = device;
  const parts = Object.entries({ ...terms, "CUDA and its kernels": need - total })
    .filter(([, bytes]) => bytes > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([term, bytes]) => [term.replaceAll("_", " "), showBytes(bytes)]);
  const hosts = Object.entries(hardware.kind === "cpu" ? {} : host)
    .filter(([, bytes]) => bytes > 0)
    .map(([term, bytes]) => [`host: ${term.replaceAll("_", " ")}`, showBytes(bytes)]);
  return [
    `**${stage.name}**: ${ledgerLine(stage, ground)}`,
    table(
      ["memory", ""],
      [...parts, ["**all**", `**${showBytes(need)}**`], ...hosts, ...(disk > 0 ? [["disk", showBytes(disk)]] : [])],
    ),
  ].join("\n\n");
}

/** A table in markdown; of many rows the first ones and a count of the others. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const shown = rows.length > mostRows ? rows.slice(0, mostRows - 1) : rows;
  const left = rows.length - shown.length;
  return [
    line(heads),
    line(heads.map(() => "---")),
    ...shown.map(line),
    ...(left > 0 ? [line([`and ${left} more`, ...heads.slice(1).map(() => "")])] : []),
  ].join("\n");
}
