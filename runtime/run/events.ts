import type { StepMetrics } from "../track/metrics.ts";
import { Failure } from "./failure.ts";

/** What a run tells while it goes on; the command line draws it, tests read it. */
export type RunEvent =
  /** A long step begins. */
  | { kind: "phase"; title: string }
  /** How far the current long step is. `part`: of the work from 0 to 1, where things of a unit do not all take as long. */
  | { kind: "progress"; done: number; total: number; unit: string; part?: number }
  /** The current long step ended. */
  | { kind: "done"; title: string }
  /** `context`: largest position + 1 that its rows show. */
  | { kind: "stage"; name: string; index: number; count: number; length: number; context: number; steps: number }
  | { kind: "step"; metrics: StepMetrics; steps: number; secondsLeft: number }
  | { kind: "checkpoint"; folder: string; step: number }
  /** Something the user should know, in one sentence. */
  | { kind: "note"; text: string };

export type Listener = (event: RunEvent) => void;

/** Milliseconds that a long computation may keep the event loop from noticing a key. */
const BREATH = 50;

/** A wish to stop that the user may utter at any time; loops ask between steps. */
export class StopSignal {
  #requested = false;
  #breathed = performance.now();
  readonly #listeners = new Set<() => void>();

  get requested(): boolean {
    return this.#requested;
  }

  request(): void {
    this.#requested = true;
    for (const listener of this.#listeners) listener();
  }

  /** Calls `listener` when the wish is uttered. Returns what takes it back. */
  onRequest(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** For work that has nothing to save. @throws Failure of kind "interrupted" */
  throwIfRequested(): void {
    if (this.#requested) throw new Failure("interrupted", "stopped as asked");
  }

  /** For long computations on the event loop: lets it hear keys now and then. @throws Failure of kind "interrupted" */
  async breathe(): Promise<void> {
    if (performance.now() - this.#breathed > BREATH) {
      await new Promise((resume) => setImmediate(resume));
      this.#breathed = performance.now();
    }
    this.throwIfRequested();
  }
}
