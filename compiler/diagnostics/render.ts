import type { SourceText } from "../../grammar/text.ts";
import type { Diagnostic, Fix, Severity } from "./diagnostic.ts";
import { columns, expandTabs } from "./width.ts";

/** Text of the files that diagnostics point into; undefined when a file is gone. */
export type Sources = (file: string) => SourceText | undefined;

export interface RenderOptions {
  /** ANSI colours. */
  readonly color: boolean;
  /** How a file is named; the identity unless given. */
  readonly name?: (file: string) => string;
}

const paint: Record<Severity | "frame" | "bold", string> = {
  error: "\x1b[1;31m",
  warning: "\x1b[1;33m",
  info: "\x1b[1;36m",
  frame: "\x1b[34m",
  bold: "\x1b[1m",
};

/**
 * One diagnostic for a terminal:
 *
 *     error CTX7001: 1Mi does not split over a zigzag ring of 48
 *       ┌─ llama3.ctx:31:12
 *     31│ parallel { ring = 48 }
 *       │            ^^^^^^^^^ the length must be divisible by 2 × ring = 96
 *       │ stage s1m sets length = 1Mi (1,048,576) at line 27
 *       = fix, to review: ring = 64, or length = 1,048,512
 */
export function render(diagnostic: Diagnostic, sources: Sources, options: RenderOptions): string {
  const color = (kind: keyof typeof paint, text: string) => (options.color ? `${paint[kind]}${text}\x1b[0m` : text);
  const name = options.name ?? ((file: string) => file);
  const { at, severity } = diagnostic;
  const head = `${color(severity, `${severity} ${diagnostic.code}`)}${color("bold", `: ${diagnostic.message}`)}`;
  const text = sources(at.file);
  if (text === undefined) {
    return [head, `  ${color("frame", "┌─")} ${name(at.file)}`, ...tail(diagnostic, "  ", color, name, sources)].join(
      "\n",
    );
  }
  const from = text.position(at.start);
  const to = text.position(at.end);
  const number = String(from.line + 1);
  const pad = " ".repeat(Math.max(2, number.length));
  const source = text.slice(text.line(from.line));
  const before = columns(expandTabs(source.slice(0, from.character)));
  const until = to.line === from.line ? to.character : source.length;
  const carets = Math.max(1, columns(expandTabs(source.slice(0, until))) - before);
  // What the label says in a line, the drawing shows.
  const label = diagnostic.drawing ? "" : diagnostic.label;
  const mark = color(severity, `${"^".repeat(carets)}${label ? ` ${label}` : ""}`);
  const frame = `${pad}${color("frame", "│")} ${" ".repeat(before)}`;
  return [
    head,
    `${pad}${color("frame", "┌─")} ${name(at.file)}:${from.line + 1}:${from.character + 1}`,
    `${color("frame", `${number.padStart(pad.length)}│`)} ${expandTabs(source)}`,
    `${frame}${mark}`,
    ...(diagnostic.drawing ?? []).map((line) => `${frame}${line}`),
    ...tail(diagnostic, pad, color, name, sources),
  ].join("\n");
}

/** The fixes for people: those that `ctx fix` makes, and those that somebody has to choose. */
export function fixLines({ fixes }: Diagnostic): string[] {
  const titles = (safety: Fix["safety"]) =>
    fixes
      .filter((fix) => fix.safety === safety)
      .map((fix) => fix.title)
      .join(", or ");
  const [safe, review] = [titles("safe"), titles("review")];
  return [...(safe ? [`fix: ${safe}`] : []), ...(review ? [`fix, to review: ${review}`] : [])];
}

/** Related places and fixes. */
function tail(
  diagnostic: Diagnostic,
  pad: string,
  color: (kind: keyof typeof paint, text: string) => string,
  name: (file: string) => string,
  sources: Sources,
): string[] {
  const lines = diagnostic.related.map(({ message, at }) => {
    const text = sources(at.file);
    const line = text === undefined ? "" : `line ${text.position(at.start).line + 1}`;
    const where = at.file === diagnostic.at.file ? line : [name(at.file), line].filter(Boolean).join(" ");
    return `${pad}${color("frame", "│")} ${message} at ${where}`;
  });
  lines.push(...fixLines(diagnostic).map((line) => `${pad}${color("frame", "=")} ${line}`));
  return lines;
}
