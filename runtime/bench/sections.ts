/** The parts of docs/benchmarks/cpu.md, in their order; each may be measured and written by itself. */
export const PARTS = {
  step: "Training step",
  memory: "Peak memory",
  lengths: "Cost per token",
  small: "Steps of a small model",
  kernels: "Kernels",
} as const;

export type Part = keyof typeof PARTS;

const TITLE = "# Benchmarks on the CPU";
const INTRODUCTION = "Each table names its command, machine and date; see [how to read them](README.md).";

/** Text of each part of a file, without its heading. */
function split(text: string): Map<string, string> {
  const parts = new Map<string, string>();
  for (const section of text.split(/^## /m).slice(1)) {
    const end = section.indexOf("\n");
    parts.set(section.slice(0, end).trim(), section.slice(end).trim());
  }
  return parts;
}

/** The file with some of its parts replaced; sections that are no part of ours stay, at the end. */
export function withParts(text: string, measured: ReadonlyMap<Part, string>): string {
  const sections = split(text);
  for (const [part, body] of measured) sections.set(PARTS[part], body);
  const known: string[] = Object.values(PARTS);
  const order = [...known, ...[...sections.keys()].filter((title) => !known.includes(title))];
  const written = order.flatMap((title) => {
    const body = sections.get(title);
    return body === undefined ? [] : [`## ${title}\n\n${body}`];
  });
  return `${[TITLE, INTRODUCTION, ...written].join("\n\n")}\n`;
}
