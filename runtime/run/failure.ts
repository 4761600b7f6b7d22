/**
 * An error that a person can act on: its message says what happened and where, `hint` how to go on. The command line
 * prints both without a stack trace and turns `kind` into an exit status.
 */
export type FailureKind =
  /** The recipe, the data or the model is wrong. */
  | "input"
  /** The command was called wrongly. */
  | "usage"
  /** The run could not go on. */
  | "run"
  /** The user asked to stop; the state is saved. */
  | "interrupted";

export class Failure extends Error {
  readonly kind: FailureKind;
  readonly hint: string | null;

  constructor(kind: FailureKind, message: string, hint: string | null = null, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "Failure";
    this.kind = kind;
    this.hint = hint;
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
