import { spawn } from "node:child_process";
import type { Plan } from "../../compiler/plan.ts";
import type { Program } from "./find_ctx.ts";

/** What came of planning: the plan, or what is said against it. */
export type Planned = { readonly plan: Plan } | { readonly fault: string };

/** Longest answer that is read, in characters: plans have some tens of thousands. */
const LONGEST = 64 * 2 ** 20;

/**
 * The plan of a recipe on the disk, by `ctx plan --json`.
 *
 * @param settings `--set` for the recipe's params
 * @param signal ends the program when its answer is no longer wanted
 */
export function makePlan(
  program: Program,
  recipe: { file: string; folder: string },
  settings: { readonly [name: string]: unknown },
  signal: AbortSignal,
): Promise<Planned> {
  const set = Object.entries(settings).flatMap(([name, value]) => ["--set", `${name}=${String(value)}`]);
  const words = [...program.args, "plan", "--json", ...set, "--", recipe.file];
  // What it says is shown as text. FORCE_COLOR, which editors set for their own sake, wins over NO_COLOR in Node, even when it is empty.
  const { FORCE_COLOR: _, ...surroundings } = process.env;
  return new Promise((answer) => {
    const child = spawn(program.command, words, {
      cwd: recipe.folder,
      env: { ...surroundings, ...program.env, NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"],
      signal,
    });
    const out: Buffer[] = [];
    let errors = "";
    let length = 0;
    child.stdout.on("data", (part: Buffer) => {
      length += part.length;
      if (length > LONGEST) child.kill();
      else out.push(part);
    });
    child.stderr.setEncoding("utf8").on("data", (part: string) => {
      errors = (errors + part).slice(0, 20_000);
    });
    child.on("error", ({ message }) => answer({ fault: `${program.command} could not be started: ${message}` }));
    child.on("close", (status) => {
      if (length > LONGEST) answer({ fault: "the plan is too long to be shown" });
      else if (status === 0) answer(readPlan(Buffer.concat(out).toString("utf8")));
      else answer({ fault: errors.trim() || `${program.command} ended with status ${status} and said nothing` });
    });
  });
}

/** The version of plans that the panel draws. */
const VERSION: Plan["version"] = 2;

/** The plan in what was printed. */
export function readPlan(text: string): Planned {
  let document: Partial<Plan> | null;
  try {
    document = JSON.parse(text) as Partial<Plan> | null;
  } catch {
    return { fault: `this is no plan: ${text.slice(0, 200)}` };
  }
  const version: unknown = document?.version;
  if (typeof version !== "number" || !Array.isArray(document?.stages) || !document.model)
    return { fault: "this is no plan of ctx" };
  if (version === VERSION) return { plan: document as Plan };
  const older = version < VERSION ? "ctx is older" : "ctx is newer";
  return {
    fault: `the plan is of version ${version}, this extension draws version ${VERSION}: ${older} than the extension`,
  };
}
