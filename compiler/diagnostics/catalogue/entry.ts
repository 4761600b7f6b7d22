import type { Severity } from "../diagnostic.ts";
import type { Message } from "../message.ts";

/** What the catalogue knows of one code. Holes of `message` and `label` are filled from the same values. */
export interface Entry<Holes extends string = string> {
  readonly severity: Severity;
  /** Short name of the rule, for indexes and SARIF. */
  readonly title: string;
  /** What is wrong, one sentence without a full stop. */
  readonly message: Message<Holes>;
  /** Beside the carets: what was expected here. */
  readonly label: Message<Holes>;
  /** True for an error that `# ctx-allow` may lower to a warning: the plan can still be carried out. */
  readonly lowerable: boolean;
}

/** Types an entry: message and label may use different holes, the caller has to fill both. */
export function entry<M extends string, L extends string>(
  severity: Severity,
  title: string,
  message: Message<M>,
  label: Message<L>,
  options: { lowerable: boolean } = { lowerable: severity !== "error" },
): Entry<M | L> {
  return { severity, title, message: message as Message<M | L>, label: label as Message<M | L>, ...options };
}
