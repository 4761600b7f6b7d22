import type { Fix } from "../diagnostics/diagnostic.ts";
import type { Setting } from "../names/section.ts";

/** A fix that takes a setting out of its block. */
export function removal({ name, nameAt, value }: Setting): Fix {
  const edits = [{ file: nameAt.file, start: nameAt.start, end: value.end, text: "" }];
  return { title: `remove ${name}`, safety: "safe", edits };
}
