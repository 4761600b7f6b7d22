import type { CodeLens } from "./protocol.ts";
import type { Snapshot } from "./snapshot.ts";
import { ledgerLine } from "./stage_values.ts";

/** Over each stage its line of the ledger: memory, time, tokens, theta. Over a curriculum those of all its stages. */
export function codeLenses(snapshot: Snapshot): CodeLens[] {
  const { workings } = snapshot.analysis;
  const { ground } = workings;
  if (!ground) return [];
  return snapshot.tree.body.flatMap((node): CodeLens[] => {
    if (node.kind !== "block") return [];
    const range = snapshot.range({ start: node.type.start, end: node.label?.end ?? node.type.end });
    const lens = (title: string) => ({ range, command: { title, command: "" } });
    if (node.type.name === "curriculum")
      return workings.stages.map((stage) => lens(`${stage.name}: ${ledgerLine(stage, ground)}`));
    const stage = node.type.name === "stage" && workings.stages.find(({ name }) => name === node.label?.name);
    return stage ? [lens(ledgerLine(stage, ground))] : [];
  });
}
