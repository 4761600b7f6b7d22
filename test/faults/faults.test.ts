// File operations that fail, through the real command line. `npm run soak:faults` walks all of them.
import { mkdtempSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test, vi } from "vitest";
import { ctx, outcomeOf, runOrResume, tinyFolder } from "../soak/tiny_cli.ts";
import { buildShim, type Fault, type FaultKind } from "./shim.ts";
import { failExport, failRun, type Subject } from "./walk.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

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
