import type { Place } from "../diagnostics/diagnostic.ts";
import { showTokens } from "../values/show.ts";
import type { Reader } from "./reader.ts";
import type { StageSource } from "./shape.ts";

/** Names of a curriculum's stages. */
export const curriculumStage = /^s\d+[kmg]?$/;

/** The stages that a curriculum stands for, each named after its length: 1Ki → s1k, 256 → s256. */
export function curriculumStages(reader: Reader): StageSource[] {
  const { lowering, section } = reader;
  reader.demand("lengths", "write lengths = [1Ki, 2Ki, 4Ki]");
  const lengths = reader.numbers("lengths");
  if (!section || !lengths) return [];
  if (lengths.length === 0) {
    const values = { name: "lengths", value: "an empty list", range: "at least one length, such as [1Ki, 2Ki]" };
    lowering.report.add("CTX2104", reader.at("lengths"), values);
    return [];
  }
  for (const [k, length] of lengths.entries()) {
    const before = lengths[k - 1];
    if (before === undefined || length > before) continue;
    lowering.report.add("CTX4013", reader.at("lengths"), { after: showTokens(length), before: showTokens(before) });
    return [];
  }
  const steps = perStage(reader, "steps", lengths.length);
  const tokens = perStage(reader, "tokens", lengths.length);
  const batch = perStage(reader, "batch", lengths.length);
  if (reader.anyFailed || !steps || !tokens || !batch) return [];
  const at = reader.exact("tokens") ?? reader.exact("steps") ?? section.at;
  return lengths.map((length, k) => ({
    name: `s${showTokens(length).replaceAll(",", "").replace(/i$/, "").toLowerCase()}`,
    at: reader.at("lengths"),
    section: undefined,
    given: {
      ...{ length, steps: steps[k], tokens: tokens[k], batch: batch[k] ?? 1, at, unread: section.unread ?? false },
      places: {
        length: placeOf(reader, "lengths", k),
        steps: placeOf(reader, "steps", k),
        tokens: placeOf(reader, "tokens", k),
        sequences: placeOf(reader, "batch", k),
      },
    },
  }));
}

/** Where one stage's value stands: its entry of a list, or the one value for all. Undefined for entries of a range. */
function placeOf(reader: Reader, name: string, k: number): Place | undefined {
  const setting = reader.setting(name);
  if (!setting) return undefined;
  const { value, file } = setting;
  const node = value.kind === "list" ? value.items[k] : value.kind === "range" ? undefined : value;
  return node && { file, start: node.start, end: node.end };
}

/** A property's value for each stage: one for all, or a list as long as the lengths. */
function perStage(reader: Reader, name: string, count: number): (number | undefined)[] | undefined {
  const value = reader.value(name);
  if (!Array.isArray(value)) return new Array<number | undefined>(count).fill(reader.number(name));
  if (value.length === count) return reader.numbers(name);
  const values = {
    name,
    value: `a list of ${value.length}`,
    range: `one value, or one for each of the ${count} lengths`,
  };
  reader.lowering.report.add("CTX2104", reader.at(name), values);
  return undefined;
}
