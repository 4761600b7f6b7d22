/** Which line a `# ctx-allow CODE: reason` comment speaks of. */
import type { Comment } from "./ast.ts";
import type { SourceText } from "./text.ts";

/** True for a comment that is meant to allow something, well written or not. */
export function isAllowance({ text }: Comment): boolean {
  return /^ctx-allow\b/.test(text);
}

/** Next line of code for each line of comments and blanks looked at, so that a long run of comments is read once. */
const nextLines = new WeakMap<SourceText, Map<number, number>>();

/** The comment's own line, or the next one that is neither empty nor a comment where it stands alone. */
export function lineAllowed(comment: Comment, text: SourceText): number {
  const own = text.lineAt(comment.start);
  if (!comment.ownLine) return own;
  const known = nextLines.get(text) ?? new Map<number, number>();
  nextLines.set(text, known);
  const found = known.get(own);
  if (found !== undefined) return found;
  let line = own + 1;
  while (line < text.lineCount - 1 && /^\s*(#.*)?$/.test(text.slice(text.line(line)))) line++;
  for (let before = own; before < line; before++) known.set(before, line);
  return line;
}
