// plan.json of earlier versions: plans/version_1.json is the quickstart's, as a version 1 without mlp_tile, offload and model families wrote it.
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, test, vi } from "vitest";
import { canonicalJson } from "../../compiler/lower/canonical.ts";
import type { Plan } from "../../compiler/plan.ts";
import { upgradePlan } from "../../compiler/upgrade_plan.ts";
import { planFaults } from "../../compiler/validate_plan.ts";
import { loadAddon } from "../../runtime/engine/load.ts";
import { readPlan } from "../../runtime/run/folder.ts";
import { trainingEngine } from "../../runtime/train/stage_engine.ts";
import { ctx, differences, outcomeOf, runOrResume, tinyFolder } from "../soak/tiny_cli.ts";

vi.setConfig({ testTimeout: 240_000 });

const old = resolve("test/runtime/plans/version_1.json");

test("a plan of version 1 is read, with what was done then where it is silent", async () => {
  const written = JSON.parse(readFileSync(old, "utf8"));
  expect(written.version).toBe(1);
  expect(planFaults({ ...written, version: 2 })).toContain("/stages/0/memory must have required property 'mlp_tile'");
  const plan = readPlan(old);
  expect(plan).toMatchObject({ version: 2, model: { window: null, qk_norm: false, qkv_bias: false } });
  const machine = { addon: loadAddon(), device: "cpu" as const, threads: 1 };
  for (const [k, stage] of plan.stages.entries()) {
    const { memory, ...rest } = written.stages[k];
    const { device: _, ...same } = memory;
    expect(stage).toMatchObject({ ...rest, memory: { ...same, mlp_tile: 1024, offload: "none", disk: 0 } });
    const engine = trainingEngine(machine, plan, stage, tmpdir());
    expect(stage.memory.device!.total).toBe(engine.memory().total);
    await engine.close();
  }
});

/** A plan as version 1 wrote it. */
function inVersion1(plan: Plan): unknown {
  const { qkv_bias, o_bias, mlp_bias, qk_norm, window, ...model } = plan.model;
  expect([qkv_bias, o_bias, mlp_bias, qk_norm, window]).toEqual([false, false, false, false, null]);
  const stages = plan.stages.map(({ memory, pairs: _pairs, ...stage }) => {
    const { mlp_tile: _, offload: __, disk: ___, ...rest } = memory;
    return { ...stage, memory: rest };
  });
  const { peak_flops_bf16, efficiency_bf16, ...rates } = plan.hardware;
  const { memory_bytes_per_second, link_bytes_per_second, network_bytes_per_second, ...hardware } = rates;
  return { ...plan, version: 1, model, stages, hardware };
}

test("a run that an earlier version began goes on, and ends with the same bytes", async () => {
  const folder = tinyFolder([3, 1]);
  const whole = join(folder, "whole");
  expect((await ctx(runOrResume(folder, whole), folder)).status).toBe(0);
  const root = join(folder, "begun");
  const file = join(folder, "plan.json");
  writeFileSync(file, JSON.stringify(inVersion1(JSON.parse(readFileSync(file, "utf8")))));
  expect((await ctx(runOrResume(folder, root), folder)).status).toBe(0);
  expect(differences(outcomeOf(root), outcomeOf(whole))).toEqual([]);
  // Now its own plan.json is the old one too, with the second stage still to be trained from the first one's checkpoint.
  const plan = canonicalJson(JSON.parse(readFileSync(file, "utf8")));
  writeFileSync(join(root, "plan.json"), plan);
  for (const part of ["stages/second", "eval/second.json", "checkpoints/001-00000001"])
    rmSync(join(root, part), { recursive: true });
  const state = join(root, "checkpoints", "000-00000003", "state.json");
  const plan_sha256 = createHash("sha256").update(plan).digest("hex");
  writeFileSync(state, JSON.stringify({ ...JSON.parse(readFileSync(state, "utf8")), plan_sha256 }));
  const { status, stderr } = await ctx(runOrResume(folder, root), folder);
  expect(status, stderr).toBe(0);
  expect(differences(outcomeOf(root), outcomeOf(whole))).toEqual([]);
});

test("a plan of a newer version, or none at all, is refused with what to do", () => {
  const file = join(mkdtempSync(join(tmpdir(), "ctx-plan-")), "plan.json");
  const reading = (document: unknown) => {
    writeFileSync(file, JSON.stringify(document));
    try {
      return readPlan(file);
    } catch (error) {
      return error;
    }
  };
  expect(reading({ version: 3, stages: "of another kind" })).toMatchObject({
    message: `${file} was written by a newer ctx: its plan has version 3, this one reads up to 2`,
    hint: expect.stringContaining("update ctx"),
  });
  for (const document of [
    null,
    [],
    1,
    "plan",
    {},
    { version: 1 },
    { version: 1, model: [], data: {}, stages: [null, 3] },
  ]) {
    expect(upgradePlan(document)).toEqual(
      document && typeof document === "object" && "version" in document ? expect.anything() : document,
    );
    expect(reading(document)).toMatchObject({ message: expect.stringContaining("is not a plan: ") });
  }
});
