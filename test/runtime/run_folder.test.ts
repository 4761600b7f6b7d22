import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { Failure } from "../../runtime/run/failure.ts";
import { sweepLeftovers, writeAtomic, writeFailure, writeFolder } from "../../runtime/run/files.ts";
import { createRunFolder } from "../../runtime/run/folder.ts";
import { lockFolder } from "../../runtime/run/lock.ts";
import { describeDifferences, planDifferences } from "../../runtime/run/resume.ts";
import { readMetrics, truncateMetrics } from "../../runtime/track/metrics.ts";
import { sampleMetrics, samplePlan, sampleStage } from "./sample_run.ts";

const temporary = () => mkdtempSync(join(tmpdir(), "ctx-run-"));

test("runs of a recipe get numbers, and a folder that holds a run is not taken twice", () => {
  const runs = temporary();
  expect(createRunFolder("a", null, runs).root).toBe(join(runs, "a", "1"));
  expect(createRunFolder("a", null, runs).root).toBe(join(runs, "a", "2"));
  const out = join(runs, "mine");
  const folder = createRunFolder("a", out);
  writeFileSync(folder.plan, "{}");
  expect(() => createRunFolder("a", out)).toThrow(/already holds a run/);
});

test("a lock is refused while its process lives, and taken over when it is gone", async () => {
  const folder = temporary();
  const lock = lockFolder(folder);
  expect(() => lockFolder(folder)).toThrow(new RegExp(`in use by process ${process.pid}`));
  lock.release();
  expect(existsSync(join(folder, "lock"))).toBe(false);

  const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60000)"]);
  const holder = { pid: child.pid, host: JSON.parse(await lockText(folder)).host, started: "0" };
  // A process of that id runs, but it started at another time: the lock's owner is dead.
  writeFileSync(join(folder, "lock"), JSON.stringify(holder));
  lockFolder(folder).release();
  child.kill("SIGKILL");
  writeFileSync(join(folder, "lock"), "not json");
  lockFolder(folder).release();
  expect(readdirSync(folder)).toEqual([]);
});

test("a dead process's lock goes to exactly one of many that want it", async () => {
  const lock = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), "dist", "runtime", "run", "lock.js");
  const program = `
    import { lockFolder } from ${JSON.stringify(lock)};
    while (Date.now() < Number(process.argv[2]));
    try { lockFolder(process.argv[1]); console.log("held"); } catch (error) { console.log(error.message); }
    setTimeout(() => {}, 60_000);`;
  const folder = temporary();
  const dead = JSON.stringify({ pid: 2 ** 22 + 1, host: hostname(), started: "0" });
  writeFileSync(join(folder, "lock"), dead);
  // Killed in the middle of a takeover, too.
  writeFileSync(join(folder, "lock.takeover"), dead);
  const at = String(Date.now() + 1500);
  const children = Array.from({ length: 6 }, () =>
    spawn(process.execPath, ["--input-type=module", "-e", program, folder, at]),
  );
  const answers = await Promise.all(
    children.map(
      (child) => new Promise<string>((resolve) => child.stdout.once("data", (text) => resolve(String(text)))),
    ),
  );
  for (const child of children) child.kill("SIGKILL");
  expect(answers.filter((answer) => answer === "held\n")).toHaveLength(1);
  expect(answers.filter((answer) => / is in use by process \d+/.test(answer))).toHaveLength(5);
});

test("what killed processes left half written goes, what live ones write stays", () => {
  const folder = temporary();
  const dead = 2 ** 22 + 1;
  const gone = [`.writing-${dead}-first`, `report.html.${dead}.tmp`, `lock.${dead}`, `lock.${dead}.second`];
  const kept = [`.writing-${process.pid}-first`, `lock.${process.pid}`, "lock", "plan.json", `notes.${dead}.txt`];
  for (const name of [...gone, ...kept]) writeFileSync(join(folder, name), "x");
  sweepLeftovers(folder);
  expect(readdirSync(folder).sort()).toEqual([...kept].sort());
});

async function lockText(folder: string): Promise<string> {
  const lock = lockFolder(folder);
  const text = readFileSync(join(folder, "lock"), "utf8");
  lock.release();
  return text;
}

test("a failed write leaves the old content and nothing aside", async () => {
  const folder = temporary();
  const path = join(folder, "kept");
  writeAtomic(path, "old");
  await expect(
    writeFolder(join(folder, "made"), async (aside) => {
      writeFileSync(join(aside, "half"), "x");
      throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    }),
  ).rejects.toThrow(/ENOSPC/);
  expect(readdirSync(folder)).toEqual(["kept"]);
  expect(readFileSync(path, "utf8")).toBe("old");
  const failure = writeFailure("/runs/x", Object.assign(new Error("x"), { code: "ENOSPC" }));
  expect(failure).toBeInstanceOf(Failure);
  expect(failure.message).toMatch(/disk is full.*\/runs\/x/);
});

test("plans that differ are told apart by field; what decides nothing is left out", () => {
  const plan = samplePlan();
  const other = samplePlan({
    seed: 8,
    source: { file: "moved.ctx", sha256: "1" },
    stages: [sampleStage("first", { steps: 7 }), sampleStage("second", { length: 128, seconds: 99 })],
  });
  const found = planDifferences(plan, other);
  expect(found.map((difference) => difference.pointer)).toEqual(["/seed", "/stages/0/steps", "/stages/0/tokens"]);
  expect(describeDifferences(found)).toContain("/stages/0/steps: 6 → 7");
  expect(planDifferences(plan, JSON.parse(JSON.stringify(plan)))).toEqual([]);
  const measured = { needle: null, perplexity: null, gate: null };
  const costing = (seconds: number) => {
    const [first, second] = plan.stages;
    const flops = { ...first!.flops, total: seconds };
    const stage = { ...first!, flops, attended: { full: seconds, windowed: 1 }, evaluate: { ...measured, seconds } };
    return { ...plan, before: { ...measured, seconds }, stages: [stage, second!] };
  };
  expect(planDifferences(costing(1), costing(2))).toEqual([]);
});

test("metrics of steps that will be done again are dropped, and a cut-off line does no harm", () => {
  const path = join(temporary(), "metrics.jsonl");
  const lines = [1, 2, 3].map((step) => JSON.stringify(sampleMetrics("first", step, step)));
  writeFileSync(path, `${lines.join("\n")}\n{"stage":"fir`);
  expect(readMetrics(path).map((metrics) => metrics.step)).toEqual([1, 2, 3]);
  // Damage in the middle must not take what follows along.
  writeFileSync(`${path}.damaged`, `${lines[0]}\n{"stage":"fir\n${lines[2]}\n`);
  expect(() => readMetrics(`${path}.damaged`)).toThrow(/metrics\.jsonl\.damaged:2 does not tell of a step/);
  writeFileSync(`${path}.wrong`, `${lines[0]!.replace('"lr":', '"rl":')}\n${lines[1]}\n`);
  expect(() => truncateMetrics(`${path}.wrong`, 5)).toThrow(
    /metrics\.jsonl\.wrong:1 .*must have required property 'lr'/,
  );
  truncateMetrics(path, 2);
  expect(readFileSync(path, "utf8")).toBe(`${lines[0]}\n${lines[1]}\n`);
});
