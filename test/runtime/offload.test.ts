// Layer inputs on the disk, through a whole run.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import type { Plan, PlanMemory, PlanTrain } from "../../compiler/plan.ts";
import { corpus, plan, start } from "./tiny_run.ts";

/** On the disk that holds the build, since a folder for temporary files may lie in memory. */
const disk = mkdtempSync(fileURLToPath(new URL("../../native/build/offload-run-", import.meta.url)));
afterAll(() => rmSync(disk, { recursive: true }));
const base = corpus();

function deepPlan(dtype: PlanTrain["dtype"], memory: Partial<PlanMemory>): Plan {
  const made = plan();
  const stages = made.stages.map((stage) => ({
    ...stage,
    ...{ steps: 2, tokens: 2 * stage.sequences * stage.length, evaluate: null },
    train: { ...stage.train, dtype },
    memory: { ...stage.memory, checkpoint_every: 1, ...memory },
  }));
  return { ...made, model: { ...made.model, layers: 5 }, stages };
}

async function weightsOf(made: Plan): Promise<Buffer> {
  const root = mkdtempSync(join(disk, "run-"));
  await start(made, base, { root });
  // The file had no name, and is gone.
  expect(readdirSync(root).filter((name) => name.includes("offload"))).toEqual([]);
  return readFileSync(join(root, "stages", "second", "model.safetensors"));
}

test.each(["f32", "bf16"] as const)(
  "%s: the same bytes with layer inputs on the disk, and in the host",
  async (dtype) => {
    const kept = await weightsOf(deepPlan(dtype, {}));
    expect(kept.equals(await weightsOf(deepPlan(dtype, { offload: "disk", disk: 1 })))).toBe(true);
    expect(kept.equals(await weightsOf(deepPlan(dtype, { offload: "host" })))).toBe(true);
  },
);

test.skipIf(statfsSync("/dev/shm").type !== 0x01021994)(
  "a run folder in memory is refused, with the way out",
  async () => {
    const root = mkdtempSync("/dev/shm/ctx-offload-");
    try {
      await expect(start(deepPlan("f32", { offload: "disk" }), base, { root })).rejects.toMatchObject({
        kind: "run",
        message: expect.stringMatching(/^stage first: .*lies in memory \(tmpfs\)/),
        hint: expect.stringContaining("offload = none"),
      });
    } finally {
      rmSync(root, { recursive: true });
    }
  },
);
