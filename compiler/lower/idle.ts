import type { Place } from "../diagnostics/diagnostic.ts";
import type { Report } from "../diagnostics/report.ts";

interface Idle {
  readonly at: Place;
  readonly name: string;
  readonly hint: string;
}

/**
 * Settings that are read for every stage and may change nothing in any of them. One that counts in a single stage is as
 * meant: the top level may set for all what only some of them need.
 */
export class IdleSettings {
  readonly #found = new Map<string, Idle | null>();

  /** @param hint why the setting changes nothing in this stage; undefined: it does */
  note(name: string, at: Place | undefined, hint: string | undefined): void {
    if (!at) return;
    const key = `${at.file} ${at.start} ${at.end}`;
    if (hint === undefined) this.#found.set(key, null);
    else if (!this.#found.has(key)) this.#found.set(key, { at, name, hint });
  }

  /** Reports those that changed nothing in all stages. */
  reportTo(report: Report): void {
    for (const idle of this.#found.values()) {
      if (idle) report.add("CTX3017", idle.at, { name: idle.name, hint: idle.hint });
    }
  }
}
