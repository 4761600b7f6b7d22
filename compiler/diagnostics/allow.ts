import { isAllowance, lineAllowed } from "../../grammar/allowance.ts";
import type { Comment } from "../../grammar/ast.ts";
import type { SourceText } from "../../grammar/text.ts";
import { entryOf, isCode } from "./catalogue.ts";
import type { Diagnostic, Fix } from "./diagnostic.ts";
import { Report } from "./report.ts";

/** A parsed `# ctx-allow CTX4001: reason`. */
interface Allowance {
  readonly code: string;
  /** Line it speaks of, from 0: its own, or the next one when it stands alone. */
  readonly line: number;
  readonly comment: Comment;
}

/** What the comments of a file make of its diagnostics. */
export interface Allowed {
  /** What is left, and comments that can't be understood. */
  readonly diagnostics: Diagnostic[];
  /** Comments that nothing on their line asks for. */
  readonly unused: readonly Diagnostic[];
}

/**
 * Applies the `# ctx-allow CODE: reason` comments of a file to its diagnostics: a warning or info on that line is
 * dropped, a lowerable error becomes a warning.
 */
export function applyAllowances(
  diagnostics: readonly Diagnostic[],
  file: string,
  text: SourceText,
  comments: readonly Comment[],
): Allowed {
  const report = new Report();
  const allowances = comments.flatMap((comment) => read(comment, file, text, report) ?? []);
  if (allowances.length === 0) return { diagnostics: [...diagnostics, ...report.list()], unused: [] };
  const used = new Set<Allowance>();
  const byLine = new Map<string, Allowance>();
  for (const allowance of allowances) {
    const key = `${allowance.code} ${allowance.line}`;
    if (!byLine.has(key)) byLine.set(key, allowance);
  }
  const kept = diagnostics.flatMap((diagnostic) => {
    if (diagnostic.at.file !== file) return diagnostic;
    const allowance = byLine.get(`${diagnostic.code} ${text.lineAt(diagnostic.at.start)}`);
    if (!allowance) return diagnostic;
    used.add(allowance);
    return diagnostic.severity === "error" ? { ...diagnostic, severity: "warning" as const } : [];
  });
  const idle = new Report();
  for (const allowance of allowances) {
    if (used.has(allowance)) continue;
    const at = { file, start: allowance.comment.start, end: allowance.comment.end };
    const fix = { title: "remove the comment", safety: "safe" as const, edits: [{ ...at, text: "" }] };
    idle.add("CTX2401", at, { code: allowance.code }, { fixes: [fix] });
  }
  return { diagnostics: [...kept, ...report.list()], unused: idle.list() };
}

/** What the editor's fix writes where the reason goes; it is none. */
const placeholder = "say why it is fine here";

/** About these comments themselves. */
const ofComments: ReadonlySet<string> = new Set(["CTX2401", "CTX2402"]);

/**
 * Writes a comment above the line of a diagnostic that allows it there as soon as its reason is written. Undefined for one that can't be allowed, or is already.
 *
 * @param text of the file that the diagnostic is about
 */
export function allowanceFix({ code, severity, at }: Diagnostic, text: SourceText): Fix | undefined {
  if (!isCode(code) || !entryOf(code).lowerable || ofComments.has(code)) return undefined;
  if (entryOf(code).severity === "error" && severity !== "error") return undefined;
  const { start } = text.line(text.lineAt(at.start));
  const indent = /^[ \t]*/.exec(text.text.slice(start))![0];
  const ending = /\r\n|\n|\r/.exec(text.text)?.[0] ?? "\n";
  const comment = `${indent}# ctx-allow ${code}: ${placeholder}${ending}`;
  const edits = [{ file: at.file, start, end: start, text: comment }];
  return { title: `allow ${code} on this line`, safety: "review", edits };
}

/** Reads a comment that begins with ctx-allow; one that can't be understood is reported. */
function read(comment: Comment, file: string, text: SourceText, report: Report): Allowance | undefined {
  if (!isAllowance(comment)) return undefined;
  const refuse = (reason: string) => {
    report.add("CTX2402", { file, start: comment.start, end: comment.end }, { reason });
    return undefined;
  };
  const [, code = "", rest = ""] = /^ctx-allow\b\s*(\w*)\s*(.*)$/.exec(comment.text) ?? [];
  if (!isCode(code))
    return refuse(code ? `there is no code ${code}` : "write # ctx-allow CTX4001: why it is fine here");
  if (!entryOf(code).lowerable) return refuse(`${code} can't be lowered: no plan can be made while it stands`);
  if (!/^:\s*\S/.test(rest)) return refuse(`say why: # ctx-allow ${code}: reason`);
  if (rest.slice(1).trim() === placeholder) return refuse(`write why in the place of "${placeholder}"`);
  return { code, line: lineAllowed(comment, text), comment };
}
