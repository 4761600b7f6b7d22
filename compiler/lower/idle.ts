import type { Place, Severity } from "../diagnostics/diagnostic.ts";
import type { Report } from "../diagnostics/report.ts";

interface Idle {
  readonly at: Place;
  readonly name: string;
  readonly hint: string;
  readonly severity: Severity;
}

/**
 * Settings that are read for every stage and may change nothing in any of them. One that counts in a single stage is as
 * meant: the top level may set for all what only some of them need.
 */
export class IdleSettings {
  readonly #found = new Map<string, Idle | null>();

  /**
   * @param hint why the setting changes nothing in this stage; undefined: it does
   * @param severity a warning where the run is as meant without it
   */
  note(name: string, at: Place | undefined, hint: string | undefined, severity: Severity = "error"): void {
    if (!at) return;
    const key = `${at.file} ${at.start} ${at.end}`;
    if (hint === undefined) this.#found.set(key, null);
    else if (!this.#found.has(key)) this.#found.set(key, { at, name, hint, severity });
  }

  /** Reports those that changed nothing in all stages. */
  reportTo(report: Report): void {
    for (const idle of this.#found.values()) {
      if (!idle) continue;
      const { at, name, hint, severity } = idle;
      report.add("CTX3017", at, { name, hint }, { severity });
    }
  }
}
