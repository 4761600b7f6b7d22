// Fails every file operation of a small run, one after another: `npm run soak:faults -- [--scenario NAME] [--from N] [--every K]`.
// Every failure prints one line; the exit status is 1 if something did not hold.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ctx, outcomeOf, runOrResume, tinyFolder } from "../soak/tiny_cli.ts";
import { buildShim, type Fault, type FaultKind, READING, WRITING, worthFailing } from "./shim.ts";
import { failExport, failReport, failRun, faultAt, operationsOf, type Subject } from "./walk.ts";

const { values } = parseArgs({
  options: {
    scenario: { type: "string" },
    from: { type: "string", default: "1" },
    every: { type: "string", default: "1" },
  },
});

const library = buildShim();
if (library === null) throw new Error("a C compiler (cc) on Linux is needed");
const folder = tinyFolder();
const root = join(folder, "whole");
const { status, stderr } = await ctx(runOrResume(folder, root), folder);
if (status !== 0) throw new Error(`the undisturbed run ended with ${status}: ${stderr}`);
const subject: Subject = { library, folder, root, whole: outcomeOf(root) };
const cache = join(folder, ".ctx-cache");

interface Scenario {
  kinds: FaultKind[];
  /** A fresh place, and the command that is walked. */
  prepare(): { place: string; faulty: string; words: string[] };
  fail(place: string, fault: Fault): Promise<string[]>;
}

const fresh = (name: string) => join(mkdtempSync(join(folder, "case-")), name);

const scenarios: { [name: string]: Scenario } = {
  /** Training, checkpoints, stages, evaluation, report. */
  run: {
    kinds: WRITING,
    prepare: () => {
      const place = fresh("run");
      return { place, faulty: place, words: runOrResume(folder, place) };
    },
    fail: (place, fault) => failRun(subject, place, fault),
  },
  /** Tokenizer and tokens. */
  cache: {
    kinds: WRITING,
    prepare: () => {
      rmSync(cache, { recursive: true, force: true });
      const place = fresh("run");
      return { place, faulty: cache, words: runOrResume(folder, place) };
    },
    fail: (place, fault) => failRun(subject, place, fault),
  },
  export: {
    kinds: WRITING,
    prepare: () => {
      const place = fresh("model");
      return { place, faulty: join(place, ".."), words: ["export", root, "--to", place, "--quiet"] };
    },
    fail: (place, fault) => failExport(subject, place, fault),
  },
  report: {
    kinds: WRITING,
    prepare: () => {
      const place = join(fresh("report"), "report.html");
      mkdirSync(join(place, ".."));
      return { place, faulty: join(place, ".."), words: ["report", root, "--out", place, "--quiet"] };
    },
    fail: (place, fault) => failReport(subject, place, fault),
  },
  /** The text, the plan and the token cache, read by a run. */
  read: {
    kinds: READING,
    prepare: () => {
      const place = fresh("run");
      return { place, faulty: folder, words: runOrResume(folder, place) };
    },
    fail: (place, fault) => failRun(subject, place, fault, [1, 3]),
  },
};

let tried = 0;
let wrong = 0;
for (const [name, scenario] of Object.entries(scenarios)) {
  if (values.scenario !== undefined && values.scenario !== name) continue;
  const listed = scenario.prepare();
  const all = await operationsOf(library, listed.words, folder, { folder: listed.faulty, kinds: scenario.kinds });
  const chosen = worthFailing(all).filter(
    ({ number }, k) => number >= Number(values.from) && k % Number(values.every) === 0,
  );
  process.stdout.write(`${name}: ${all.length} operations, ${chosen.length} of them fail\n`);
  for (const operation of chosen) {
    const { place, faulty } = scenario.prepare();
    const fault = faultAt(operation, { folder: faulty, kinds: scenario.kinds });
    const faults = await scenario.fail(place, fault);
    tried++;
    if (faults.length > 0) {
      wrong++;
      const what = `${name} ${operation.number} ${operation.kind} ${fault.error}${fault.sticky ? " from there on" : ""}`;
      process.stdout.write(`${what} ${operation.path}\n${faults.map((line) => `    ${line}\n`).join("")}`);
    }
    rmSync(join(place, name === "report" ? "../.." : ".."), { recursive: true, force: true });
  }
}
process.stdout.write(`${tried} faults, ${wrong} of them not borne\n`);
rmSync(folder, { recursive: true, force: true });
process.exitCode = wrong === 0 ? 0 : 1;
