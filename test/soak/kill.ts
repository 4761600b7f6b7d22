// Kills small commands (SIGKILL) again and again, each time going on, and holds what comes out against undisturbed ones:
// `npm run soak:kill -- [--times 100] [--seed 1] [--scenario NAME]`. Every second kill comes in the middle of a file operation, the
// others after a random time.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildShim, type FaultKind, faultEnvironment, READING, WRITING } from "../faults/shim.ts";
import { operationsOf } from "../faults/walk.ts";
import { ctx, differences, filesBelow, halfWritten, launch, outcomeOf, runOrResume, tinyFolder } from "./tiny_cli.ts";

const { values } = parseArgs({
  options: {
    times: { type: "string", default: "100" },
    seed: { type: "string", default: "1" },
    scenario: { type: "string" },
  },
});

const library = buildShim();
if (library === null) throw new Error("a C compiler (cc) on Linux is needed");

let state = Number(values.seed) >>> 0;
/** A whole number below `limit`, from a linear congruential generator. */
function below(limit: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * limit);
}

const folder = tinyFolder();
const cache = join(folder, ".ctx-cache");
const whole = join(folder, "whole");
const fresh = (name: string) => join(mkdtempSync(join(folder, "case-")), name);

/** What is killed. `place` is a run's folder, an exported model's or a report's file. */
interface Scenario {
  name: string;
  /** How often it is chosen, beside the others. */
  share: number;
  /** Operations below the folder that kills come in: of these kinds, on paths that contain this. */
  kinds: FaultKind[];
  path: string;
  /** Last name of the place. */
  last: string;
  /** The command that begins, or goes on. */
  words(place: string): string[];
  /** What stands there half done after a kill. */
  half(place: string): string[];
  /** In what the finished result differs from the undisturbed one. */
  wrong(place: string): string[];
}

const runScenario = (name: string, share: number, kinds: FaultKind[], path: string): Scenario => ({
  name,
  share,
  kinds,
  path,
  last: "run",
  words: (place) => runOrResume(folder, place),
  half: (place) => halfWritten(place, expected),
  wrong: (place) => differences(outcomeOf(place), expected),
});

const exported = join(folder, "exported");
const page = join(folder, "page.html");
const pageOf = (file: string) => readFileSync(file, "utf8");

const scenarios: Scenario[] = [
  runScenario("run", 4, WRITING, ""),
  runScenario("evaluation", 2, [...READING, ...WRITING], "second"),
  runScenario("report of a run", 1, WRITING, "report.html"),
  {
    name: "export",
    share: 2,
    kinds: [...READING, ...WRITING],
    path: "",
    last: "model",
    words: (place: string) => ["export", whole, "--to", place, "--quiet"],
    half: (place: string) => (existsSync(place) ? folderDifferences(place, exported) : []),
    wrong: (place: string) => [
      ...folderDifferences(place, exported),
      ...readdirSync(join(place, "..")).flatMap((name) => (name === "model" ? [] : [`${name} is left behind`])),
    ],
  },
  {
    name: "report",
    share: 1,
    kinds: WRITING,
    path: "page.html",
    last: "page.html",
    words: (place: string) => ["report", whole, "--out", place, "--quiet"],
    half: (place: string) => (existsSync(place) && pageOf(place) !== pageOf(page) ? [`${place} is half written`] : []),
    wrong: (place: string) => [
      ...(pageOf(place) === pageOf(page) ? [] : [`${place} differs`]),
      ...readdirSync(join(place, "..")).flatMap((name) => (name === "page.html" ? [] : [`${name} is left behind`])),
    ],
  },
].filter(({ name }) => values.scenario === undefined || values.scenario === name);
if (scenarios.length === 0) throw new Error(`there is no scenario ${values.scenario}`);

/** The files in which two folders differ. */
function folderDifferences(a: string, b: string): string[] {
  const names = (folder: string) => filesBelow(folder).map((file) => file.slice(folder.length + 1));
  const all = [...new Set([...names(a), ...names(b)])].sort();
  const same = (name: string) =>
    existsSync(join(a, name)) &&
    existsSync(join(b, name)) &&
    readFileSync(join(a, name)).equals(readFileSync(join(b, name)));
  return all.filter((name) => !same(name)).map((name) => `${name} differs from that of the undisturbed one`);
}

// The undisturbed ones, and how long each takes.
await ctx(runOrResume(folder, whole), folder);
const expected = outcomeOf(whole);
await ctx(["export", whole, "--to", exported, "--quiet"], folder);
await ctx(["report", whole, "--out", page, "--quiet"], folder);

interface Timed {
  scenario: Scenario;
  operations: number;
  milliseconds: number;
}
const timed: Timed[] = [];
for (const scenario of scenarios) {
  const place = fresh(scenario.last);
  const began = performance.now();
  const listed = await operationsOf(library, scenario.words(place), folder, { folder, ...scenario });
  timed.push({ scenario, operations: listed.length, milliseconds: performance.now() - began });
  rmSync(join(place, ".."), { recursive: true, force: true });
}

/** Each as often as its share says. */
const lots = timed.flatMap((entry) => Array.from({ length: entry.scenario.share }, () => entry));

const counts = new Map<string, { kills: number; finished: number }>(
  scenarios.map(({ name }) => [name, { kills: 0, finished: 0 }]),
);
let killed = 0;
let wrong = 0;
const complain = (what: string, faults: string[]) => {
  if (faults.length === 0) return;
  wrong++;
  process.stdout.write(`${what}\n${faults.map((fault) => `    ${fault}\n`).join("")}`);
};

while (killed < Number(values.times)) {
  const { scenario, operations, milliseconds } = lots[below(lots.length)]!;
  const count = counts.get(scenario.name)!;
  const place = fresh(scenario.last);
  // The tokenizer and the tokens are made anew now and then, so that kills meet them too.
  if (below(3) === 0) rmSync(cache, { recursive: true, force: true });
  for (let done = false; !done; ) {
    const inside = operations > 0 && below(2) === 0;
    const at = inside ? 1 + below(operations) : 2 ** 30;
    const { env } = faultEnvironment(library, {
      folder,
      kinds: scenario.kinds,
      path: scenario.path,
      at,
      error: "KILL",
    });
    const { kill, ended } = launch(scenario.words(place), folder, env);
    const timer = inside ? undefined : setTimeout(() => kill("SIGKILL"), below(Math.ceil(milliseconds)));
    const { status, signal, stderr } = await ended;
    clearTimeout(timer);
    const what = `${scenario.name}, ${inside ? `killed in operation ${at}` : "killed after a time"}`;
    if (signal === "SIGKILL") {
      killed++;
      count.kills++;
      complain(what, scenario.half(place));
      // Three in four are killed again on the way, one in four goes on to its end.
      if (below(4) > 0) continue;
      if (scenario.last !== "run" && existsSync(place) && scenario.half(place).length === 0) {
        done = true; // it was whole already when the kill came
        continue;
      }
      const again = await ctx(scenario.words(place), folder);
      complain(`${what}, gone on with`, again.status === 0 ? [] : [`status ${again.status}: ${again.stderr}`]);
    } else if (scenario.last === "model" && status === 2 && existsSync(place)) {
      // The kill before this one came when the model stood there whole: it was held against the undisturbed one then.
    } else complain(`${what}, not killed`, status === 0 ? [] : [`status ${status}: ${stderr}`]);
    complain(`${what}, at the end`, scenario.wrong(place));
    done = true;
  }
  count.finished++;
  rmSync(join(place, ".."), { recursive: true, force: true });
}
for (const [name, { kills, finished }] of counts)
  process.stdout.write(`${name}: ${kills} kills, ${finished} finished\n`);
process.stdout.write(`${killed} kills, ${wrong} of them not borne\n`);
rmSync(folder, { recursive: true, force: true });
process.exitCode = wrong === 0 ? 0 : 1;
