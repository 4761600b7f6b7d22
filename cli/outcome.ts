import type { FailureKind } from "../runtime/run/failure.ts";
import { paint } from "./paint.ts";

/** Exit statuses of every command. */
export const STATUS: { [kind in FailureKind]: number } = { input: 1, usage: 2, run: 3, interrupted: 130 };

interface FailureShape {
  kind: FailureKind;
  hint: string | null;
}

/** Errors that mean faulty input wherever they come up, by name. */
const INPUT_ERRORS = ["DataError", "SafetensorsError"];

/** Told by shape, not class: the bundle and the library may each hold a copy of the class. */
function asFailure(error: unknown): (Error & FailureShape) | null {
  if (error instanceof Error && INPUT_ERRORS.includes(error.name))
    return Object.assign(error, { kind: "input" as const, hint: (error as { hint?: string }).hint ?? null });
  const code = (error as { code?: unknown } | null)?.code;
  // Also where the program's own parts are loaded.
  if (error instanceof Error && (code === "EMFILE" || code === "ENFILE"))
    return Object.assign(error, {
      kind: "run" as const,
      hint: "raise the limit on open files (ulimit -n) and try again",
    });
  const kind = (error as Partial<FailureShape> | null)?.kind;
  if (error instanceof Error && kind === undefined && NO_MEMORY.test(error.message))
    return Object.assign(error, {
      kind: "run" as const,
      hint: `${/\bon the GPU\b/.test(error.message) ? FREE_GPU : FREE_HOST}, and go on with --resume; or plan for less: shorter rows, fewer at once, checkpoint = every(1)`,
    });
  return error instanceof Error && typeof kind === "string" && kind in STATUS ? (error as Error & FailureShape) : null;
}

const FREE_GPU = "end what else holds the GPU's memory (nvidia-smi lists it)";
const FREE_HOST = "free some memory or raise the limit on it (ulimit -v, ulimit -d, the container's)";

/** What the engine, C++ and JavaScript say where the system refuses memory. */
const NO_MEMORY = /\bout of memory\b|\bno memory for\b|Cannot allocate memory|allocation failed/;

/** 1 recipe, data or model wrong · 2 wrong usage · 3 failed run, also for anything unforeseen · 130 interrupted. */
export function exitStatus(error: unknown): number {
  const failure = asFailure(error);
  return failure ? STATUS[failure.kind] : STATUS.run;
}

/** Prints an error for a person: the message, what to do about it, and the stack only when asked for. */
export function printFailure(error: unknown, debug: boolean): void {
  const failure = asFailure(error);
  const message = error instanceof Error ? error.message : String(error);
  const interrupted = failure?.kind === "interrupted";
  const word = interrupted ? paint("yellow", "stopped") : paint("red", paint("bold", "error"));
  // "stopped in stage a" begins with the word.
  const begun = interrupted && /^stopped\b/.test(message);
  process.stderr.write(`${word}${begun ? printable(message.slice("stopped".length)) : `: ${printable(message)}`}\n`);
  if (failure?.hint) process.stderr.write(`  ${paint("dim", "→")} ${printable(failure.hint)}\n`);
  if (debug && error instanceof Error && error.stack) process.stderr.write(`${error.stack}\n`);
  else if (!failure) process.stderr.write(`  ${paint("dim", "→")} --debug shows where this came from\n`);
}

/** Characters of a message that are shown. */
const LONGEST = 4000;

/** What files from elsewhere hold must not fill the terminal, nor command it: cut, and control characters spelled out. */
function printable(text: string): string {
  const shown = text.length > LONGEST ? `${text.slice(0, LONGEST)} … (${text.length} characters)` : text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  return shown.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/** The document of a command with --json that failed: why, and what is wrong with a recipe, as `ctx check --json` has it. */
export function failureDocument(error: unknown): object {
  const { files } = error instanceof Error ? (error as { files?: unknown }) : {};
  return { error: describeFailure(error), ...(Array.isArray(files) && { files }) };
}

/** An error for programs. */
function describeFailure(error: unknown): { kind: FailureKind; message: string; hint: string | null } {
  const { kind, hint } = asFailure(error) ?? { kind: "run" as const, hint: null };
  return { kind, message: error instanceof Error ? error.message : String(error), hint };
}

/** The one JSON document of a command that was called with --json. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}
