// Kills a small run (SIGKILL) again and again, each time going on, and holds what comes out against an undisturbed run:
// `npm run soak:kill -- [--times 100] [--seed 1]`. Every second kill comes in the middle of a file operation, the others after a random time.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildShim, faultEnvironment, WRITING } from "../faults/shim.ts";
import { operationsOf } from "../faults/walk.ts";
import { ctx, differences, halfWritten, launch, outcomeOf, runOrResume, tinyFolder } from "./tiny_cli.ts";

const { values } = parseArgs({
  options: { times: { type: "string", default: "100" }, seed: { type: "string", default: "1" } },
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
const began = performance.now();
const operations = await operationsOf(library, runOrResume(folder, whole), folder, { folder, kinds: WRITING });
const duration = performance.now() - began;
const expected = outcomeOf(whole);

let killed = 0;
let wrong = 0;
let finished = 0;
const complain = (what: string, faults: string[]) => {
  if (faults.length === 0) return;
  wrong++;
  process.stdout.write(`${what}\n${faults.map((fault) => `    ${fault}\n`).join("")}`);
};
const freshRoot = () => join(mkdtempSync(join(folder, "case-")), "run");

for (let root = freshRoot(); killed < Number(values.times); ) {
  // The tokenizer and the tokens are made anew now and then, so that kills meet them too.
  if (!existsSync(root) && below(3) === 0) rmSync(cache, { recursive: true, force: true });
  const inside = below(2) === 0;
  const at = inside ? 1 + below(operations.length) : 0;
  const { env } = faultEnvironment(library, { folder, kinds: WRITING, at: at || 2 ** 30, error: "KILL" });
  const { kill, ended } = launch(runOrResume(folder, root), folder, env);
  const timer = inside ? undefined : setTimeout(() => kill("SIGKILL"), below(Math.ceil(duration)));
  const { status, signal, stderr } = await ended;
  clearTimeout(timer);
  const what = inside ? `killed in operation ${at}` : "killed after a time";
  if (signal === "SIGKILL") {
    killed++;
    complain(what, halfWritten(root, expected));
    // Three in four are killed again on the way, one in four goes on to its end.
    if (below(4) > 0) continue;
    const again = await ctx(runOrResume(folder, root), folder);
    complain(`${what}, gone on with`, again.status === 0 ? [] : [`status ${again.status}: ${again.stderr}`]);
  } else complain("not killed", status === 0 ? [] : [`status ${status}: ${stderr}`]);
  complain(`${what}, at the end`, differences(outcomeOf(root), expected));
  finished++;
  rmSync(join(root, ".."), { recursive: true, force: true });
  root = freshRoot();
}
process.stdout.write(`${killed} kills over ${finished} finished runs, ${wrong} of them not borne\n`);
rmSync(folder, { recursive: true, force: true });
process.exitCode = wrong === 0 ? 0 : 1;
