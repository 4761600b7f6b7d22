import type { StageValue } from "../../compiler/lower/workings.ts";
import { deviceNeed } from "../../compiler/memory/index.ts";
import { show, showBytes, showNumber } from "../../compiler/values/show.ts";
import type { BlockNode, Expression, Statement } from "../../grammar/ast.ts";
import type { InlayHint, Range } from "./protocol.ts";
import type { Snapshot } from "./snapshot.ts";
import { showTheta, showValue } from "./stage_values.ts";

/** Values of stages that one hint tells. */
const mostShown = 6;

/**
 * What the compiler makes of what is written, beside it: thetas and other computed values, the tokens or steps that a stage
 * comes to, and the bytes that it takes on each device.
 */
export function inlayHints(snapshot: Snapshot, range?: Range): InlayHint[] {
  const [from, to] = range
    ? [snapshot.offset(range.start), snapshot.offset(range.end)]
    : [0, snapshot.text.text.length];
  const hints = hintsIn(snapshot.tree.body, null, snapshot);
  return hints
    .filter(({ offset }) => offset >= from && offset <= to)
    .sort((a, b) => a.offset - b.offset)
    .map(({ offset, label, tooltip }) => ({
      position: snapshot.text.position(offset),
      label,
      ...(tooltip !== undefined && { tooltip }),
      paddingLeft: true,
    }));
}

interface Hint {
  readonly offset: number;
  readonly label: string;
  readonly tooltip?: string;
}

function hintsIn(body: readonly Statement[], block: BlockNode | null, snapshot: Snapshot): Hint[] {
  return body.flatMap((node): Hint[] => {
    switch (node.kind) {
      case "block":
        return [...stageHint(node, snapshot), ...hintsIn(node.body, node, snapshot)];
      case "let":
      case "param":
        return valueHint(node.value, show, snapshot);
      case "property": {
        const theta = block?.type.name === "rope" && node.name.name === "theta";
        const own = valueHint(
          node.value,
          theta ? (value) => (value.kind === "number" ? showTheta(value.value) : show(value)) : show,
          snapshot,
        );
        return [...own, ...budgetHint(node.name.name, node.value, block, snapshot)];
      }
      default:
        return [];
    }
  });
}

/** What an expression comes to, where it is more than a literal. */
function valueHint(node: Expression, shown: typeof show, { analysis: { workings } }: Snapshot): Hint[] {
  if (!isComputed(node)) return [];
  const values = workings.valuesOf(node).filter(({ value }) => value.kind === "number" || value.kind === "flag");
  if (values.length > 0) return [{ offset: node.end, label: `= ${joined(values, shown)}`, tooltip: told(values) }];
  const [list] = workings.valuesOf(node);
  if (node.kind !== "range" || list?.value.kind !== "list") return [];
  const text = showValue(list.value);
  return [
    { offset: node.end, label: `= ${list.value.items.length} values`, ...(text !== undefined && { tooltip: text }) },
  ];
}

function joined(values: readonly StageValue[], shown: typeof show): string {
  const texts = values.map(({ value }) => shown(value));
  if (texts.every((text) => text === texts[0])) return texts[0]!;
  return texts.length > mostShown ? `${texts.slice(0, mostShown).join(" · ")} · …` : texts.join(" · ");
}

function told(values: readonly StageValue[]): string {
  const lines = values.map(({ stage, pair, value }) => {
    const where = [stage, pair === null ? null : `pair ${pair}`].filter((part) => part !== null).join(", ");
    return `${where}${where === "" ? "" : ": "}${showValue(value) ?? show(value)}`;
  });
  return lines.join("\n");
}

function isComputed(node: Expression): boolean {
  switch (node.kind) {
    case "group":
      return isComputed(node.inner);
    case "name":
    case "member":
    case "call":
    case "binary":
    case "if":
    case "range":
      return true;
    case "unary":
      return node.operand.kind !== "number";
    default:
      return false;
  }
}

/** `steps = 30` comes to so many tokens, `tokens = 2M` to so many steps. */
function budgetHint(
  name: string,
  value: Expression,
  block: BlockNode | null,
  { file, analysis: { workings } }: Snapshot,
): Hint[] {
  const kind = block?.type.name;
  if ((name !== "steps" && name !== "tokens") || (kind !== "stage" && kind !== "curriculum")) return [];
  // Where both are written, each says the other.
  const both = block?.body.some(
    (node) => node.kind === "property" && node.name.name === (name === "steps" ? "tokens" : "steps"),
  );
  const written = value.kind === "list" ? value.items : [value];
  const stages = written.flatMap((node) => workings.stagesAt(file, node, "steps")).map((k) => workings.stages[k]!);
  if (both || stages.length === 0) return [];
  const texts = stages.map((stage) => showNumber(name === "steps" ? stage.tokens : stage.steps));
  const label = texts.every((text) => text === texts[0])
    ? texts[0]!
    : `${texts.slice(0, mostShown).join(" · ")}${texts.length > mostShown ? " · …" : ""}`;
  return [{ offset: value.end, label: `= ${label} ${name === "steps" ? "tokens" : "steps"}` }];
}

/** Bytes on each device, behind a stage's name. */
function stageHint(node: BlockNode, { analysis: { workings } }: Snapshot): Hint[] {
  if (node.type.name !== "stage" || !node.label) return [];
  const stage = workings.stages.find(({ name }) => name === node.label?.name);
  const { ground } = workings;
  if (!stage?.memory.device || !ground) return [];
  const { devices, device_bytes } = ground.hardware;
  const need = deviceNeed(ground, stage);
  const per = devices > 1 ? " per device" : "";
  const full = need > device_bytes ? ` of ${showBytes(device_bytes)}` : "";
  return [{ offset: node.label.end, label: `${showBytes(need)}${full}${per}` }];
}
