// File operations that fail, through the real command line. `npm run soak:faults` walks all of them.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test, vi } from "vitest";
import type { Plan } from "../../compiler/plan.ts";
import { ctx, differences, halfWritten, outcomeOf, runOrResume, tinyFolder } from "../soak/tiny_cli.ts";
import { buildShim, type Fault, type FaultKind, faultEnvironment } from "./shim.ts";
import { failExport, failRun, type Subject } from "./walk.ts";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const library = buildShim();
let subject: Subject;

beforeAll(async () => {
  if (library === null) return;
  const folder = tinyFolder([3, 1]);
  const root = join(folder, "whole");
  const { status, stderr } = await ctx(runOrResume(folder, root), folder);
  expect(stderr).toContain("step 3 of 3");
  expect(status).toBe(0);
  subject = { library, folder, root, whole: outcomeOf(root) };
});

const points: [string, FaultKind, string, boolean][] = [
  ["plan.json", "sync", "EIO", false],
  ["metrics.jsonl", "write", "SHORT", false],
  ["adam_v.safetensors", "write", "ENOSPC", true],
  ["state.json", "open-write", "EDQUOT", false],
  ["stages/first", "rename", "EIO", false],
];

test.skipIf(library === null).each(points)("%s: %s fails with %s", async (path, kind, error, sticky) => {
  const root = join(mkdtempSync(join(subject.folder, "case-")), "run");
  const fault: Fault = { folder: root, kinds: [kind], path, at: 1, error, sticky };
  expect(await failRun(subject, root, fault)).toEqual([]);
});

test.skipIf(library === null)("an export that fails leaves nothing at its target", async () => {
  const place = mkdtempSync(join(subject.folder, "case-"));
  const fault: Fault = { folder: place, kinds: ["write"], path: "model.safetensors", at: 2, error: "ENOSPC" };
  expect(await failExport(subject, join(place, "model"), fault)).toEqual([]);
  expect(readdirSync(place)).toEqual(["model"]);
});

test.skipIf(process.platform !== "linux")(
  "a place where nothing can be made is named, and the command ends",
  async () => {
    const { status, stderr } = await ctx(["run", "plan.json", "--out", "/proc/x/y"], subject.folder);
    expect(status).toBe(3);
    expect(stderr).toMatch(/\/proc\/x\/y.*\n {2}→ /);
  },
);

describe.skipIf(library === null)("layer inputs on a disk that fails in the middle of a step", () => {
  let offloaded: Subject;

  beforeAll(async () => {
    const folder = tinyFolder([3, 1]);
    const file = join(folder, "plan.json");
    const made: Plan = JSON.parse(readFileSync(file, "utf8"));
    made.model.layers = 5;
    for (const { memory } of made.stages) Object.assign(memory, { checkpoint_every: 1, offload: "disk", disk: 1 });
    writeFileSync(file, JSON.stringify(made));
    const root = join(folder, "whole");
    const { status, stderr } = await ctx(runOrResume(folder, root), folder);
    expect(status, stderr).toBe(0);
    offloaded = { library: library!, folder, root, whole: outcomeOf(root) };
  });

  const disks: [FaultKind, string, RegExp][] = [
    [
      "write",
      "ENOSPC",
      /the disk is full: the file for layer inputs in .*run could not be written\n {2}→ free some space/,
    ],
    [
      "write",
      "EIO",
      /cannot write the file for layer inputs in .*run: Input\/output error\n {2}→ see whether the disk/,
    ],
    ["sync", "EIO", /cannot write the file for layer inputs in .*run: Input\/output error\n {2}→ see whether the disk/],
    ["read", "EIO", /cannot read the file for layer inputs in .*run: Input\/output error\n {2}→ see whether the disk/],
  ];

  test.each(disks)("%s fails with %s in the last step", async (kind, error, said) => {
    const { folder, whole } = offloaded;
    const root = join(mkdtempSync(join(folder, "case-")), "run");
    // Three steps of several layers each: the checkpoint after the second is there by the last operations.
    const place = { folder: root, kinds: [kind], path: "nameless" };
    const listed = faultEnvironment(library!, { ...place, at: 0, error });
    expect((await ctx(runOrResume(folder, root), folder, listed.env)).status).toBe(0);
    const all = listed.operations().length;
    expect(all).toBeGreaterThan(8);
    rmSync(root, { recursive: true });
    const fault = faultEnvironment(library!, { ...place, at: Math.floor(0.7 * all), error, sticky: true });
    const ended = await ctx(runOrResume(folder, root), folder, fault.env);
    expect(ended).toMatchObject({ status: 3, signal: null, stderr: expect.stringMatching(said) });
    expect(readdirSync(join(root, "checkpoints"))).not.toEqual([]);
    expect(halfWritten(root, whole)).toEqual([]);
    expect((await ctx(runOrResume(folder, root), folder)).status).toBe(0);
    expect(differences(outcomeOf(root), whole)).toEqual([]);
  });
});
