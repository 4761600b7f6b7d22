/** Which line a `# ctx-allow CODE: reason` comment speaks of. */
import type { Comment } from "./ast.ts";
import type { SourceText } from "./text.ts";

/** True for a comment that is meant to allow something, well written or not. */
export function isAllowance({ text }: Comment): boolean {
  return /^ctx-allow\b/.test(text);
}

/** The comment's own line, or the next one that is neither empty nor a comment where it stands alone. */
export function lineAllowed(comment: Comment, text: SourceText): number {
  let line = text.lineAt(comment.start);
  if (!comment.ownLine) return line;
  line++;
  while (line < text.lineCount - 1 && /^\s*(#.*)?$/.test(text.slice(text.line(line)))) line++;
  return line;
}
