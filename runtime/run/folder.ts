import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { Plan } from "../../compiler/plan.ts";
import { isNewerPlan, PLAN_VERSION, upgradePlan } from "../../compiler/upgrade_plan.ts";
import { planFaults } from "../../compiler/validate_plan.ts";
import { Failure } from "./failure.ts";
import { makeFolders, readJson, writeFailure } from "./files.ts";

/** Where everything of one run lies. */
export interface RunFolder {
  root: string;
  plan: string;
  recipe: string;
  /** What the run was started from; see RunOrigin. */
  origin: string;
  metrics: string;
  events: string;
  stages: string;
  checkpoints: string;
  evaluations: string;
  tokenizer: string;
  report: string;
}

/** Facts that a resumed run needs and the plan, being independent of the machine, leaves out. */
export interface RunOrigin {
  /** Folder that the plan's relative paths start from. */
  base: string;
  /** The recipe or plan as the user named it. */
  started_from: string;
  /** Options that repeat this run, e.g. `--set seed=3`. */
  options: string[];
  /** ISO time of the first start. */
  started: string;
  version: string;
  /** What it computed on when it started, for those who compare times; not in folders of earlier versions. */
  machine?: { processor: string; threads: number };
}

export function runFolder(root: string): RunFolder {
  const at = (...parts: string[]) => join(root, ...parts);
  return {
    root,
    plan: at("plan.json"),
    recipe: at("recipe.ctx"),
    origin: at("run.json"),
    metrics: at("metrics.jsonl"),
    events: at("events"),
    stages: at("stages"),
    checkpoints: at("checkpoints"),
    evaluations: at("eval"),
    tokenizer: at("tokenizer"),
    report: at("report.html"),
  };
}

/** What a start that was cut off before it wrote its plan leaves behind; the next start writes these anew. */
const UNFINISHED = /^(run\.json|recipe\.ctx)$|\.\d+\.tmp$/;

/**
 * Makes a new run folder: `out` when given, else the next free number below `runs/<recipe>/`.
 *
 * @throws Failure when `out` already holds something.
 */
export function createRunFolder(recipe: string, out: string | null, runs = "runs"): RunFolder {
  try {
    if (out !== null) {
      makeFolders(out);
      const held = readdirSync(out).filter((name) => !UNFINISHED.test(name));
      if (held.includes("plan.json")) {
        throw new Failure(
          "usage",
          `${out} already holds a run`,
          `continue it with --resume ${out}, or name another folder`,
        );
      }
      if (held.length > 0) throw new Failure("usage", `${out} is not empty`, "name a new or empty folder with --out");
      return runFolder(resolve(out));
    }
    const parent = join(runs, recipe);
    makeFolders(parent);
    const numbers = readdirSync(parent).map((name) => (/^\d+$/.test(name) ? Number(name) : 0));
    for (let number = Math.max(0, ...numbers) + 1; ; number++) {
      const root = join(parent, String(number));
      if (makeNew(root)) return runFolder(root);
    }
  } catch (error) {
    throw writeFailure(out ?? join(runs, recipe), error);
  }
}

/** Removes a run folder in which nothing was computed yet, and `runs/<recipe>` above it where nothing else is there. */
export function discardIfFresh(folder: RunFolder): void {
  const computed = [folder.stages, folder.checkpoints, folder.evaluations, folder.metrics];
  if (computed.some((path) => existsSync(path))) return;
  rmSync(folder.root, { recursive: true, force: true });
  const recipe = dirname(folder.root);
  for (const above of [recipe, dirname(recipe)]) {
    try {
      rmdirSync(above);
    } catch {
      return; // other runs are in it
    }
  }
}

/** Opens an existing run folder. @throws Failure when it is none. */
export function openRunFolder(root: string): RunFolder {
  const folder = runFolder(root);
  for (const file of [folder.plan, folder.origin]) {
    if (existsSync(file)) continue;
    throw new Failure("input", `${root} is not a run folder: it has no ${basename(file)}`, whereRunsAre(root));
  }
  return folder;
}

/** The newest run in a folder of runs, which is what was given in its place; else where runs are. */
function whereRunsAre(root: string): string {
  const isFolder = statSync(root, { throwIfNoEntry: false })?.isDirectory() ?? false;
  const numbers = isFolder ? readdirSync(root).filter((name) => /^\d+$/.test(name)) : [];
  const runs = numbers.filter((name) => existsSync(runFolder(join(root, name)).plan));
  const newest = runs.map(Number).reduce((most, each) => Math.max(most, each), 0);
  return newest === 0 ? "run folders lie below runs/<recipe>/" : `its newest run is ${join(root, String(newest))}`;
}

/** Reads a plan.json, of an earlier version too. @throws Failure when it is missing or does not fit the plan's schema. */
export function readPlan(file: string): Plan {
  const written = readJson<unknown>(file);
  if (isNewerPlan(written)) {
    const message = `${file} was written by a newer ctx: its plan has version ${written.version}, this one reads up to ${PLAN_VERSION}`;
    throw new Failure("input", message, "update ctx, or make the plan anew with: ctx plan RECIPE --out plan.json");
  }
  const document = upgradePlan(written);
  const [fault] = planFaults(document);
  if (fault === undefined) return document as Plan;
  throw new Failure("input", `${file} is not a plan: ${fault}`, "make it anew with: ctx plan RECIPE --out plan.json");
}

export function isRunFolder(root: string): boolean {
  const { plan, origin } = runFolder(root);
  return existsSync(plan) && existsSync(origin);
}

/** false when the folder exists: two runs that start at once get different numbers. */
function makeNew(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    if (code !== "ENOENT") throw error;
    // Another start that failed has just tidied up above it.
    mkdirSync(path, { recursive: true });
    return true;
  }
}
