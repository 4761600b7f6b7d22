// Feeds changed files of every kind to their readers and to the commands that read them: `npm run soak:fuzz -- [--minutes 10] [--seed 1]
// [--subject NAME]`. Each finding is printed with its subject and seed; `--subject NAME --seed N --once` repeats it. Exit status 1 if
// something did not hold. The readers run in a process of their own, so that one that crashes or hangs is a finding too.
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildShim } from "../faults/shim.ts";
import { commandCase, PATIENCE, readCase } from "./case.ts";
import { seedFolder } from "./seeds.ts";
import { type Subject, subjects } from "./subjects.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string", default: "1" },
    subject: { type: "string" },
    once: { type: "boolean", default: false },
    /** For the processes that read: the folder of good files, and how many cases. */
    seeds: { type: "string" },
    count: { type: "string", default: "1" },
  },
});

/** Cases that one process of readers takes. */
const CASES = 150;
/** Bytes of memory that a reader may come to. */
const MEMORY = 2 * 2 ** 30;

const chosen = subjects.filter(({ name }) => values.subject === undefined || values.subject === name);
if (chosen.length === 0)
  throw new Error(`there is no subject ${values.subject}; there are: ${subjects.map(({ name }) => name).join(", ")}`);

/** Takes cases one after another and sends what is found. */
async function readMany(subject: Subject, seeds: string, first: number, count: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "ctx-fuzz-"));
  cpSync(seeds, folder, { recursive: true });
  for (let seed = first; seed < first + count; seed++) {
    process.send!({ seed });
    const fault = await readCase(subject, seeds, folder, seed);
    if (fault !== null) process.send!({ seed, fault });
    const { rss } = process.memoryUsage();
    if (rss > MEMORY) process.send!({ seed, fault: `took ${Math.round(rss / 2 ** 20)} MiB of memory` });
  }
  rmSync(folder, { recursive: true, force: true });
}

let found = 0;
let cases = 0;
const tell = (subject: Subject, seed: number, what: string, words: string[] = []) => {
  found++;
  const short = what.length > 1500 ? `${what.slice(0, 1500)} …` : what;
  process.stdout.write(
    `${subject.name}, seed ${seed}${words.length > 0 ? `, ctx ${words.join(" ")}` : ""}\n    ${short.replaceAll("\n", "\n    ")}\n`,
  );
};

/** Runs a process of readers; ends with the seed after the last one tried. */
function readersFrom(subject: Subject, seeds: string, first: number, count: number): Promise<number> {
  return new Promise((resolve) => {
    const words = ["--subject", subject.name, "--seed", String(first), "--seeds", seeds, "--count", String(count)];
    const options = { stdio: ["ignore", "ignore", "pipe", "ipc"] as ("ignore" | "pipe" | "ipc")[] };
    const child: ChildProcess = spawn(
      process.execPath,
      ["--max-old-space-size=1500", process.argv[1]!, ...words],
      options,
    );
    let last = first - 1;
    let stderr = "";
    let hung = false;
    const watchdog = () =>
      setTimeout(() => {
        hung = true;
        child.kill("SIGKILL");
      }, 12 * PATIENCE);
    let timer = watchdog();
    child.stderr!.on("data", (data) => (stderr += data));
    child.on("message", (message: { seed: number; fault?: string }) => {
      clearTimeout(timer);
      timer = watchdog();
      last = message.seed;
      if (message.fault === undefined) cases++;
      else tell(subject, message.seed, message.fault);
    });
    child.on("close", (status, signal) => {
      clearTimeout(timer);
      if (hung) tell(subject, last, "hung");
      else if (status !== 0) tell(subject, last, `the process ended with ${status ?? signal}: ${stderr}`);
      resolve(last + 1);
    });
  });
}

async function main(): Promise<void> {
  const library = buildShim();
  const seeds = await seedFolder();
  const place = mkdtempSync(join(tmpdir(), "ctx-fuzz-"));
  const until = performance.now() + Number(values.minutes) * 60_000;
  const count = values.once ? 1 : CASES;
  const next = new Map(chosen.map(({ name }) => [name, Number(values.seed)]));
  do {
    for (const subject of chosen) {
      const first = next.get(subject.name)!;
      let at = first;
      if (subject.read) while (at < first + count) at = await readersFrom(subject, seeds, at, first + count - at);
      for (const [k, words] of subject.commands.entries()) {
        cases++;
        const seed = values.once ? first : first + k;
        const fault = await commandCase(subject, words, seeds, place, seed, library);
        if (fault !== null) tell(subject, seed, fault, words);
      }
      next.set(subject.name, first + count);
      if (performance.now() > until) break;
    }
  } while (!values.once && performance.now() < until);
  process.stdout.write(`${cases} cases, ${found} findings\n`);
  for (const folder of [seeds, place]) rmSync(folder, { recursive: true, force: true });
  process.exitCode = found === 0 ? 0 : 1;
}

if (values.seeds === undefined) await main();
else {
  await readMany(chosen[0]!, values.seeds, Number(values.seed), Number(values.count));
  process.disconnect();
}
