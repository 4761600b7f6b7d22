// Limits that the system sets: threads, open files, the size of files, a full disk. Each is named with its remedy, and nothing is lost.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test, vi } from "vitest";
import { loadAddon } from "../../runtime/engine/load.ts";
import { ctx, differences, launch, outcomeOf, runOrResume, tinyFolder } from "../soak/tiny_cli.ts";
import { buildShim, type Fault, faultEnvironment } from "./shim.ts";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const library = buildShim();
const onLinux = test.skipIf(process.platform !== "linux");
const withShim = test.skipIf(library === null);

let folder: string;
let whole: { [file: string]: string };

beforeAll(async () => {
  folder = tinyFolder([3, 1]);
  const { status } = await ctx(runOrResume(folder, join(folder, "whole")), folder);
  expect(status).toBe(0);
  whole = outcomeOf(join(folder, "whole"));
});

const freshRoot = () => join(mkdtempSync(join(folder, "case-")), "run");
/** Three threads; the last `--threads` counts. */
const withThreads = (root: string) => [...runOrResume(folder, root), "--threads", "3"];

/** What a run says whose n-th thread of C++ code cannot be started, and whether going on ends as if nothing had been. */
async function refuseThread(at: number, sticky: boolean): Promise<string> {
  const root = freshRoot();
  const fault: Fault = { folder, kinds: [], at, error: "EAGAIN", sticky, threads: "libstdc++" };
  const { env, operations } = faultEnvironment(library!, fault);
  const { status, signal, stderr } = await ctx(withThreads(root), folder, env);
  expect(operations().length).toBeGreaterThan(0);
  expect({ status, signal }).toEqual({ status: 3, signal: null });
  expect(stderr).toMatch(/\n {2}→ use fewer \(--threads\), or raise the limit on processes and threads \(ulimit -u/);
  expect((await ctx(withThreads(root), folder)).status).toBe(0);
  expect(differences(outcomeOf(root), whole)).toEqual([]);
  return stderr;
}

withShim("a thread that cannot be started is refused before anything is computed", async () => {
  const cores = loadAddon().describe().cores;
  const needed = 3 + 1 + cores;
  for (const at of [1, needed])
    expect(await refuseThread(at, true)).toContain(
      `this process can start only ${at - 1} more threads, and ${needed} are needed to compute with 3`,
    );
  // Those of the engine come after the trial: the thread that feeds it, its pool, and those of the second stage's.
  expect(await refuseThread(needed + 1, false)).toMatch(/cannot start a thread: Resource temporarily unavailable/);
  expect(await refuseThread(needed + 2, true)).toMatch(
    /cannot create a cpu-\w+ device with 3 threads: .*cannot start 3 threads/,
  );
  expect(await refuseThread(needed + 6, true)).toMatch(/cannot create a cpu-\w+ device with 3 threads/);
});

onLinux("startableThreads tells what a limit leaves, and refuses what is no count", () => {
  const addon = loadAddon();
  expect([0, 1, 7].map((count) => addon.startableThreads(count))).toEqual([0, 1, 7]);
  for (const count of [-1, Number.NaN, 1e9]) expect(() => addon.startableThreads(count)).toThrow(/count must lie in/);
});

onLinux("48 open files are enough; with far fewer the limit is named", async () => {
  rmSync(join(folder, ".ctx-cache"), { recursive: true, force: true });
  const root = freshRoot();
  const enough = await launch(runOrResume(folder, root), folder, {}, "-n 48").ended;
  expect(enough.status).toBe(0);
  expect(differences(outcomeOf(root), whole)).toEqual([]);
  // How many are too few is Node's affair: the first limit that a run does not live with is told.
  let few = enough;
  for (let files = 26; few.status === 0; files -= 2)
    few = await launch(runOrResume(folder, freshRoot()), folder, {}, `-n ${files}`).ended;
  expect(few.status).toBe(3);
  expect(few.stderr).toMatch(/EMFILE.*\n {2}→ raise the limit on open files \(ulimit -n\) and try again\n$/);
});

onLinux("a limit on the size of files is named, with what was saved kept", async () => {
  const root = freshRoot();
  // Blocks of 512 bytes: the tokenizer and the tokens are there already, a checkpoint has more than 16 KiB.
  const ended = await launch(runOrResume(folder, root), folder, {}, "-f 32").ended;
  expect({ status: ended.status, signal: ended.signal }).toEqual({ status: 3, signal: null });
  expect(ended.stderr).toMatch(
    /checkpoints\/000-00000002: .*[Ff]ile too large\n {2}→ raise the limit on the size of files \(ulimit -f\) and resume/,
  );
  expect(readdirSync(join(root, "checkpoints"))).toEqual([]);
  expect((await ctx(runOrResume(folder, root), folder)).status).toBe(0);
  expect(differences(outcomeOf(root), whole)).toEqual([]);
});

onLinux("what is no file is written to as it is: a full device is named, and stays a device", async () => {
  const full = await ctx(["report", join(folder, "whole"), "--out", "/dev/full", "--quiet"], folder);
  expect([full.status, full.stderr]).toEqual([
    3,
    expect.stringMatching(/the disk is full: \/dev\/full could not be written\n {2}→ /),
  ]);
  expect(lstatSync("/dev/full").isCharacterDevice()).toBe(true);
  const pipe = join(folder, "pipe");
  spawnSync("mkfifo", [pipe]);
  const reader = spawn("cat", [pipe]);
  let read = "";
  reader.stdout.on("data", (data) => (read += data));
  const closed = once(reader, "close");
  expect((await ctx(["report", join(folder, "whole"), "--out", pipe, "--quiet"], folder)).stderr).toBe("");
  await closed;
  expect(read.trimEnd().endsWith("</html>")).toBe(true);
  // A link stays a link, and what it leads to is replaced.
  const [file, link] = [join(folder, "kept.html"), join(folder, "link.html")];
  writeFileSync(file, "before");
  symlinkSync(file, link);
  expect((await ctx(["report", join(folder, "whole"), "--out", link, "--quiet"], folder)).status).toBe(0);
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
  expect(readFileSync(file, "utf8")).toContain("</html>");
  expect(existsSync(`${link}.tmp`)).toBe(false);
});

onLinux.each([
  ["-d", "data"],
  ["-v", "address space"],
])(
  "a limit on memory (ulimit %s) is told before anything is computed; raised as the message says, the run ends",
  async (option, what) => {
    const root = freshRoot();
    let kibibytes = option === "-d" ? 190_000 : 1_150_000;
    const refused = await launch(runOrResume(folder, root), folder, {}, `${option} ${kibibytes}`).ended;
    expect(refused.status, refused.stderr).toBe(3);
    expect(refused.stderr).toMatch(
      new RegExp(`needs .* of memory \\(most of it .*limit on ${what} \\(ulimit ${option}\\)`),
    );
    expect(existsSync(join(root, "metrics.jsonl"))).toBe(false);
    // The evaluation may need more than the stage, and what is mapped varies from start to start, by an arena of 64 MiB: whoever raises the limit
    // as often as he is told comes to the end.
    let enough = refused;
    for (let attempt = 0; attempt < 6 && enough.status !== 0; attempt++) {
      const [, more, unit] = /raise the limit by ([\d.]+) (M|G)iB or more/.exec(enough.stderr) ?? [];
      expect(more, enough.stderr).toBeDefined();
      kibibytes += Math.ceil(Number(more) * (unit === "G" ? 2 ** 20 : 1024)) + 32_768;
      enough = await launch(runOrResume(folder, root), folder, {}, `${option} ${kibibytes}`).ended;
    }
    expect(enough.status, enough.stderr).toBe(0);
    expect(differences(outcomeOf(root), whole)).toEqual([]);
  },
);
