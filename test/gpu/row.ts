// What programs in TypeScript print for check.py: rows of its table, as report.py's `say` has them.
import { messageOf } from "../../runtime/run/failure.ts";

const MARK = "@ctx ";

/** Something measured, and how far off it may be. */
export interface Measure {
  what: string;
  off: number;
  allowed: number;
  /** Where the error is greatest, or in what unit. */
  note?: string;
}

let failed = 0;

/** Prints a row. */
export function say(what: string, outcome: "PASS" | "FAIL" | "SKIP" | "INFO", figures = "", more: object = {}): void {
  if (outcome === "FAIL") failed++;
  process.stdout.write(`${MARK}${JSON.stringify({ what, outcome, figures, ...more })}\n`);
}

/** The exit status for what has been said. */
export const status = () => (failed > 0 ? 1 : 0);

const told = ({ what, off, allowed, note }: Measure) =>
  allowed === 0
    ? `${what}${off === 0 ? "" : `: ${off} differ${note ? ` (${note})` : ""}`}`
    : `${what} ${off.toExponential(1)} of ${allowed.toExponential(0)}${note ? ` in ${note}` : ""}`;

/** A row for what `measure` finds, in its order; what is too far off comes first. A call that fails is a row that fails, and the next one goes on. */
export async function row(what: string, measure: () => Promise<Measure[]>): Promise<void> {
  try {
    const measures = await measure();
    const wrong = measures.filter(({ off, allowed }) => !(off <= allowed));
    const figures = [...wrong, ...measures.filter((one) => !wrong.includes(one))].map(told).join(", ");
    say(what, wrong.length > 0 ? "FAIL" : "PASS", figures, { measures });
  } catch (error) {
    say(what, "FAIL", messageOf(error));
  }
}
