/** A fault in the user's data or tokenizer files. The message names the file (and line) and what was expected, `hint` how to mend it. */
export class DataError extends Error {
  override name = "DataError";
  readonly hint: string;
  /** The file at fault, when there is one. */
  readonly file: string | undefined;
  /** Line in the file, from 1. */
  readonly line: number | undefined;

  constructor(message: string, hint: string, place: { file?: string; line?: number } = {}) {
    const at =
      place.file === undefined ? "" : place.line === undefined ? `${place.file}: ` : `${place.file}:${place.line}: `;
    super(at + message);
    this.hint = hint;
    this.file = place.file;
    this.line = place.line;
  }
}

/** The sentence of a caught value, for use inside another message. */
export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether the file system, not a check of ours, raised an error. */
export function isSystemError(error: unknown): boolean {
  return typeof (error as { syscall?: unknown } | null)?.syscall === "string";
}

/** What the system said about reading a file, as a fault of the file. */
export function unreadable(file: string, error: unknown): DataError {
  const code = (error as { code?: string } | null)?.code;
  const advice =
    code === "ENOENT"
      ? "it was there when the files were listed; put it back, or take it out of the source"
      : code === "EACCES" || code === "EPERM"
        ? "give yourself the right to read it"
        : code === "EMFILE" || code === "ENFILE"
          ? "raise the limit on open files (ulimit -n)"
          : "see whether the disk is sound, or copy the file anew";
  return new DataError(`can't be read: ${reason(error)}`, advice, { file });
}

/** What to do about a file without documents. */
export const EMPTY = "take the file out of the source";

/** What to do about a row that lacks the column that is read. */
export function columnAdvice({ text, chat }: { text: string | null; chat: string | null }): string {
  const property = chat === null ? "text" : "chat";
  const now = chat ?? text;
  return `name the column that holds the ${chat === null ? "text" : "messages"} in the source: ${property} = "…"${now === null ? "" : ` (now ${JSON.stringify(now)})`}`;
}
