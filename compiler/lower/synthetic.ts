import type { Expression } from "../../grammar/ast.ts";
import type { Place } from "../diagnostics/diagnostic.ts";
import { hint, renames } from "../diagnostics/suggest.ts";
import type { Section } from "../names/section.ts";
import type { PlanDataSource } from "../plan.ts";
import { numberArgument, numbersArgument, type TypedCall } from "../types/typed.ts";
import type { Lowering } from "./lowering.ts";
import { removal } from "./removal.ts";

/** Questions inside the text of another source. Arguments that a kind does not have take the values that change nothing. */
export function lowerSynthetic(call: TypedCall, lowering: Lowering): NonNullable<PlanDataSource["synthesize"]> {
  const haystack = call.arguments.get("haystack")?.value;
  return {
    kind: call.name as NonNullable<PlanDataSource["synthesize"]>["kind"],
    haystack: typeof haystack === "string" ? haystack : "",
    digits: numberArgument(call, "digits") ?? 6,
    count: numberArgument(call, "count") ?? 1,
    answer_weight: numberArgument(call, "answer_weight") ?? 1,
    text_weight: numberArgument(call, "text_weight") ?? 1,
    at_start: numberArgument(call, "at_start") ?? 0,
    at_end: numberArgument(call, "at_end") ?? 0,
    repeats: numberArgument(call, "repeats") ?? 1,
    segment: segmentOf(call, lowering),
    gap: numberArgument(call, "gap") ?? 8,
  };
}

/** Shortest and longest segment of a copy row: given as a list of two, or one length for all rows. */
function segmentOf(call: TypedCall, { report }: Lowering): [number, number] {
  const written = numbersArgument(call, "segment") ?? [4, 24];
  const [shortest = 0, longest = shortest] = written;
  const wrong = written.length < 1 || written.length > 2 || shortest > longest;
  if (!wrong) return [shortest, longest];
  const values = { name: "segment", value: `[${written.join(", ")}]`, range: "[shortest, longest], or one length" };
  report.add("CTX2104", call.arguments.get("segment")?.at ?? call.at, values);
  return [4, 24];
}

/** What says how files are read says nothing about questions that are made up. */
export function refuseFileSettings(section: Section, source: string, { report }: Lowering): void {
  for (const name of ["text", "chat", "format", "loss", "holdout", "filter"] as const) {
    const setting = section.settings.get(name);
    if (!setting) continue;
    const reason = "its rows are synthesized; set this on the source of files that it reads";
    report.add("CTX5017", setting.nameAt, { name, source, reason }, { fixes: [removal(setting)] });
  }
}

/** A haystack is a source of files. */
export function checkHaystack(
  source: PlanDataSource,
  sources: readonly PlanDataSource[],
  section: Section,
  lowering: Lowering,
): void {
  const wanted = source.synthesize?.haystack;
  const setting = section.settings.get("synthesize");
  if (!wanted || !setting) return;
  const { start, end } = haystackNode(setting.value) ?? setting.value;
  reportHaystack(wanted, sources, { file: setting.file, start, end }, lowering);
}

/** The argument that names the haystack, where the call is written out. */
function haystackNode(value: Expression): Expression | undefined {
  if (value.kind !== "call") return undefined;
  return value.arguments.find(({ name }, k) => (name ? name.name === "haystack" : k === 0))?.value;
}

/** Reports a haystack that is no source, or one whose text is synthetic itself. */
export function reportHaystack(
  name: string,
  sources: readonly PlanDataSource[],
  at: Place,
  { report }: Lowering,
): boolean {
  const found = sources.find((source) => source.name === name);
  if (found?.kind === "files") return false;
  const texts = sources.filter((source) => source.kind === "files").map((source) => source.name);
  const why = found ? `its text is synthetic; real text is in ${texts.join(", ") || "no source"}` : hint(name, texts);
  // A name that comes from a let is not mended where it is used.
  const written = at.end - at.start === name.length;
  report.add("CTX5005", at, { name, hint: why }, { fixes: found || !written ? [] : renames(name, texts, at) });
  return true;
}
