import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import type { Plan } from "../../compiler/plan.ts";
import { loadAddon } from "../../runtime/engine/load.ts";
import { carryOut, type RunOutcome } from "../../runtime/run/carry_out.ts";
import { type RunEvent, StopSignal } from "../../runtime/run/events.ts";
import { runFolder } from "../../runtime/run/folder.ts";
import { sampleOrigin } from "./sample_run.ts";

export { corpus, evaluate, plan } from "./tiny_plan.ts";

export interface Started {
  root: string;
  outcome: RunOutcome;
  events: RunEvent[];
}

/** Starts a run that stops itself after a step. */
export async function startAndStop(
  made: Plan,
  base: string,
  stopAfter: number,
  checkpointEvery?: number,
): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), "ctx-run-"));
  const options = { root, stopAfter, ...(checkpointEvery === undefined ? {} : { checkpointEvery }) };
  await expect(start(made, base, options)).rejects.toMatchObject({ kind: "interrupted" });
  return root;
}

/** Carries a plan out in a new folder, or goes on in `root`. */
export async function start(
  made: Plan,
  base: string,
  options: { threads?: number; root?: string; stopAfter?: number; checkpointEvery?: number } = {},
): Promise<Started> {
  const root = options.root ?? mkdtempSync(join(tmpdir(), "ctx-run-"));
  const folder = runFolder(root);
  mkdirSync(root, { recursive: true });
  writeFileSync(folder.plan, JSON.stringify(made, null, 2));
  writeFileSync(folder.origin, JSON.stringify(sampleOrigin(base)));
  const stop = new StopSignal();
  const events: RunEvent[] = [];
  const outcome = await carryOut({
    plan: made,
    folder,
    base,
    machine: { addon: loadAddon(), device: "cpu", threads: options.threads ?? 1 },
    checkpointEvery: options.checkpointEvery ?? null,
    listen: (event) => {
      events.push(event);
      if (event.kind === "step" && event.metrics.global_step === options.stopAfter) stop.request();
    },
    stop,
  });
  return { root, outcome, events };
}
