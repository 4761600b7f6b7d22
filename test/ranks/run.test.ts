import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { ofThisMachine } from "../../cli/nproc.ts";
import { readSafetensors } from "../../runtime/engine/safetensors.ts";
import { launchOf } from "../../runtime/ranks/launch.ts";
import { readMetrics } from "../../runtime/track/metrics.ts";
import { buildShim, faultEnvironment } from "../faults/shim.ts";
import { tinyFolder } from "../soak/tiny_cli.ts";
import { type Ended, hasMpi, hasStranger, isOpenMpi, ranks, ranksOf, STOP, STRANGER, start } from "./mpirun.ts";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const ctx = (...words: string[]) => [process.execPath, resolve("dist", "cli", "ctx.js"), ...words];
const run = (...words: string[]) => ctx("run", ...words, "--threads", "1");

/** Numbers of a tensor file of fp32. */
async function numbers(file: string): Promise<Float32Array> {
  const [first] = await readSafetensors(file);
  const bytes = readFileSync(file);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset + first!.offset, bytes.byteOffset + bytes.length));
}

const losses = (root: string) => readMetrics(join(root, "metrics.jsonl")).map(({ loss }) => loss);

async function expectSameRun(root: string, whole: string): Promise<void> {
  const [ours, theirs] = [losses(root), losses(whole)];
  expect(ours.length).toBe(theirs.length);
  for (const [step, loss] of ours.entries()) expect(Math.abs(loss! / theirs[step]! - 1)).toBeLessThan(1e-5);
  const file = join("stages", "second", "model.safetensors");
  const [a, b] = [await numbers(join(root, file)), await numbers(join(whole, file))];
  expect(a.length).toBe(b.length);
  expect(a.reduce((most, value, index) => Math.max(most, Math.abs(value - b[index]!)), 0)).toBeLessThan(1e-4);
}

/** Waits until a run has done so many steps, then does something to it. */
async function after(root: string, steps: number, ended: Promise<Ended>, act: () => void): Promise<Ended> {
  let over = false;
  ended.then(() => {
    over = true;
  });
  while (!over && readMetrics(join(root, "metrics.jsonl")).length < steps)
    await new Promise((wake) => setTimeout(wake, 2));
  act();
  return ended;
}

const library = buildShim();

/** Environment in which the rank that writes a run's metrics gets a signal in the moment in which it notes its `steps`-th step. */
const atStep = (steps: number, error: "INT" | "STOP") =>
  faultEnvironment(library!, { folder: tmpdir(), kinds: ["write"], path: "metrics.jsonl", at: steps, error }).env;

const statusOf = (pid: number) => {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return ""; // ended meanwhile
  }
};
const stopped = (pid: number) => /^State:\s*T/m.test(statusOf(pid));
/** Whether a signal waits for a process. */
const hasSignal = (pid: number) => !/^ShdPnd:\s*0+$/m.test(statusOf(pid));

describe.skipIf(!hasMpi)("ctx run by several processes (needs an MPI with its compiler at build time)", () => {
  let folder: string;
  let long: string;
  /** A run by one process. */
  let whole: string;

  beforeAll(async () => {
    folder = tinyFolder([12, 6]);
    long = tinyFolder([1_000_000, 3]); // never comes to its end
    whole = join(folder, "whole");
    const { status, stderr } = await start(run("plan.json", "--out", whole), folder).ended;
    expect(status, stderr).toBe(0);
  });

  test.each([2, 4])("%d ranks learn what one learns", async (count) => {
    const root = join(folder, `by-${count}`);
    const { status, stdout, stderr } = await ranks(count, run("plan.json", "--out", root), folder).ended;
    expect(status, stderr).toBe(0);
    expect(stdout).toContain("report.html");
    expect(stderr.match(/step 12 of 12/g)?.length).toBe(1);
    expect(stderr).toContain(`${count} ranks over ${isOpenMpi ? "Open MPI" : "MPICH"}`);
    await expectSameRun(root, whole);
  });

  test.each(["moments", "all"])("--nproc starts them, and they divide %s", async (shard) => {
    const plan = JSON.parse(readFileSync(join(folder, "plan.json"), "utf8"));
    for (const stage of plan.stages) if (shard === "all") stage.parallel.shard = shard;
    writeFileSync(join(folder, `${shard}.json`), JSON.stringify(plan));
    const root = join(folder, `nproc-${shard}`);
    const { status, stderr } = await start(run(`${shard}.json`, "--out", root, "--nproc", "2"), folder).ended;
    expect(status, stderr).toBe(0);
    await expectSameRun(root, whole);
  });

  test.skipIf(library === null)("a run that was begun by one rank goes on with four and ends with two", async () => {
    const root = join(folder, "changing");
    const words = ["--checkpoint-every", "1"];
    const one = start(run("plan.json", "--out", root, ...words), folder, atStep(3, "INT"));
    expect((await one.ended).status).toBe(130);
    // Rank 0 stands still in a step until the launcher has passed the wish on: finish the step and save.
    const four = ranks(4, run("--resume", root, ...words), folder, atStep(4, "STOP"));
    const waiting = await vi.waitUntil(() => ranksOf(four.child.pid!).find(stopped), { timeout: 200_000 });
    four.child.kill(STOP);
    await vi.waitUntil(() => hasSignal(waiting), { timeout: 200_000 });
    process.kill(waiting, "SIGCONT");
    expect((await four.ended).stderr).toMatch(/go on with: ctx run --resume/);
    expect(losses(root).length).toBeLessThan(18);
    const { status, stderr } = await ranks(2, run("--resume", root), folder).ended;
    expect(status, stderr).toBe(0);
    await expectSameRun(root, whole);
  });

  test("Ctrl-C stops --nproc after its step, and the run goes on alone", async () => {
    const root = join(long, "stopped");
    const both = start(run("plan.json", "--out", root, "--nproc", "2"), long);
    const { status, stderr } = await after(root, 5, both.ended, () => both.child.kill("SIGINT"));
    expect(stderr).toContain("stopping after this step");
    expect(stderr).toMatch(/go on with: ctx run --resume/);
    expect(stderr).not.toMatch(/non-zero|BAD TERMINATION/i);
    expect(status).toBe(130);
    expect(readdirSync(join(root, "checkpoints")).length).toBeGreaterThan(0);
  });

  test("--nproc starts them on this machine, also in an allocation of Slurm's", async () => {
    const root = join(folder, "allocated");
    const allocation = { SLURM_JOBID: "7", SLURM_JOB_ID: "7", SLURM_NODELIST: "n[1-2]", SLURM_TASKS_PER_NODE: "1(x2)" };
    const shell = { SLURM_STEP_ID: "4294967290", SLURM_PROCID: "0", SLURM_NTASKS: "2" };
    const words = run("plan.json", "--out", root, "--nproc", "2");
    const { status, stderr } = await start(words, folder, { ...allocation, ...shell, SLURM_NNODES: "2" }).ended;
    expect(status, stderr).toBe(0);
    expect(stderr).toContain("2 ranks over");
  });

  test("--nproc in a process that is a rank already is refused", async () => {
    const { status, stderr } = await ranks(2, run("plan.json", "--nproc", "2"), folder).ended;
    expect(status).not.toBe(0);
    expect(stderr).toContain("--nproc starts processes, and this is already one of 2");
  });

  test.skipIf(!hasStranger)(
    "the launcher of another MPI is refused by every process: each would be alone",
    async () => {
      const words = [...STRANGER, "-n", "2", ...run("plan.json", "--out", join(folder, "strange"))];
      const { status, stderr } = await start(words, folder).ended;
      expect(status).not.toBe(0);
      expect(stderr).toMatch(/started 2 processes, but (Open MPI|MPICH) \S+, which ctx was built with, sees 1/);
      expect(existsSync(join(folder, "strange"))).toBe(false);
    },
  );

  test.skipIf(!hasStranger)("--nproc with the mpirun of another MPI is refused once", async () => {
    const bin = mkdtempSync(join(tmpdir(), "ctx-bin-"));
    writeFileSync(join(bin, "mpirun"), `#!/bin/sh\nexec ${STRANGER[0]} "$@"\n`, { mode: 0o755 });
    const path = { PATH: `${bin}:${process.env.PATH}` };
    const { status, stderr } = await start(run("plan.json", "--nproc", "2"), folder, path).ended;
    rmSync(bin, { recursive: true });
    expect(status).toBe(3);
    expect(stderr.match(/but the mpirun on the PATH is of another MPI/g)?.length).toBe(1);
  });

  test("the end of a job's time ends it at once, and it says how to go on", async () => {
    const root = join(long, "late");
    const job = ranks(2, run("plan.json", "--out", root, "--checkpoint-every", "2"), long);
    const { status, stderr } = await after(root, 5, job.ended, () =>
      process.kill(ranksOf(job.child.pid!)[0]!, "SIGTERM"),
    );
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/what was saved before is intact: go on with ctx run --resume/);
  });

  test("a rank that dies ends the job, and the last checkpoint can be gone on from", async () => {
    const root = join(long, "killed");
    const job = ranks(3, run("plan.json", "--out", root, "--checkpoint-every", "2"), long);
    let all: number[] = [];
    const ended = await after(root, 9, job.ended, () => {
      all = ranksOf(job.child.pid!);
      process.kill(all.at(-1)!, "SIGKILL");
    });
    expect(all.length).toBe(3);
    expect(ended.status).not.toBe(0);
    // MPICH's says nothing where its output is no terminal; what the run says stands below.
    if (isOpenMpi) expect(ended.stderr).toMatch(/rank \d.*(signal 9|Killed)|Killed/s);
    await vi.waitUntil(() => !all.some((pid) => existsSync(`/proc/${pid}`)), { timeout: 120_000 });
    const names = readdirSync(join(root, "checkpoints")).filter((name) => !name.startsWith("."));
    expect(names.length).toBeGreaterThan(0);
    const again = start(run("--resume", root), long);
    await vi.waitUntil(() => /going on after step \d+/.test(again.said()), { timeout: 200_000 });
    again.child.kill("SIGINT");
    expect((await again.ended).status).toBe(130);
  });

  test("ranks that do not divide into rings are refused before anything is computed", async () => {
    const ring = tinyFolder();
    const plan = JSON.parse(readFileSync(join(ring, "plan.json"), "utf8"));
    for (const stage of plan.stages) Object.assign(stage.parallel, { ring: 2, devices: 2 });
    writeFileSync(join(ring, "plan.json"), JSON.stringify(plan));
    const { status, stderr } = await ranks(3, run("plan.json", "--out", "out"), ring).ended;
    expect(status).not.toBe(0);
    expect(stderr).toContain("ring = 2 ranks, and 3 were started");
    expect(stderr).toContain("start a multiple of 2");
    expect(existsSync(join(ring, "out", "metrics.jsonl"))).toBe(false);
  });
});

describe("what launchers set", () => {
  test("is kept from the mpirun of --nproc, settings of a user's own are not", () => {
    const own = { PATH: "/bin", OMPI_MCA_btl: "tcp,self", PMIX_MCA_gds: "hash", CTX_CPU_ISA: "avx2" };
    const batch = { SLURM_JOBID: "1", PBS_NODEFILE: "f", LSB_HOSTS: "a b", PE_HOSTFILE: "f" };
    const ofMpirun = {
      OMPI_COMM_WORLD_SIZE: "1",
      OMPI_MCA_ess: "x",
      OMPI_MCA_orte_launch: "1",
      PMIX_RANK: "0",
      PMI_FD: "6",
    };
    expect(ofThisMachine({ ...own, ...batch, ...ofMpirun })).toEqual(own);
  });

  test("Open MPI, MPICH and Slurm", () => {
    const open = { OMPI_COMM_WORLD_RANK: "3", OMPI_COMM_WORLD_SIZE: "8" };
    expect(launchOf(open)).toMatchObject({ launcher: "mpirun (Open MPI)", rank: 3, size: 8 });
    expect(launchOf({ PMI_RANK: "0", PMI_SIZE: "2" })).toMatchObject({ rank: 0, size: 2 });
    const slurm = { SLURM_PROCID: "5", SLURM_NTASKS: "8", SLURM_STEP_ID: "0" };
    expect(launchOf(slurm)).toMatchObject({ launcher: "srun (Slurm)", rank: 5, size: 8 });
    // A step of fewer tasks than the job, and mpirun called in a step.
    expect(launchOf({ ...slurm, SLURM_STEP_NUM_TASKS: "6" })).toMatchObject({ rank: 5, size: 6 });
    expect(launchOf({ ...slurm, ...open })).toMatchObject({ launcher: "mpirun (Open MPI)", rank: 3 });
  });

  test("alone: one process, a batch script of Slurm, a shell of salloc or srun, nothing at all", () => {
    expect(launchOf({ OMPI_COMM_WORLD_RANK: "0", OMPI_COMM_WORLD_SIZE: "1" })).toBeNull();
    const job = { SLURM_PROCID: "0", SLURM_NTASKS: "8", SLURM_JOB_ID: "17" };
    expect(launchOf(job)).toBeNull();
    expect(launchOf({ ...job, SLURM_STEP_ID: "4294967291" })).toBeNull();
    expect(launchOf({ ...job, SLURM_STEP_ID: "4294967290", SLURM_STEP_NUM_TASKS: "8" })).toBeNull();
    expect(launchOf({ ...job, SLURM_STEP_ID: "2", SLURM_STEP_NUM_TASKS: "1" })).toBeNull();
    expect(launchOf({})).toBeNull();
  });

  test("a launcher without MPI is refused, not ignored", () => {
    expect(() => launchOf({ RANK: "1", WORLD_SIZE: "4" })).toThrow(/speak to each other over MPI/);
    expect(launchOf({ WORLD_SIZE: "1", RANK: "0" })).toBeNull();
  });
});
