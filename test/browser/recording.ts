import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { nodeHost } from "../../cli/host.ts";
import { canonicalJson, compile, type Host } from "../../compiler/index.ts";

/** What a host answered, by the question: enough to compile the same recipe where there are no files. */
export type Answers = { [question: string]: unknown };

/** A recipe, what its compilation asked of the machine, and the plan that came of it. */
export interface Recorded {
  file: string;
  text: string;
  answers: Answers;
  plan: string;
  diagnostics: string;
}

/** Compiles every recipe of the folder on this machine, and writes down what was asked. */
export function recordRecipes(folder: string): Recorded[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".ctx"))
    .map((name) => {
      const file = join(folder, name);
      const text = readFileSync(file, "utf8");
      const answers: Answers = {};
      const { plan, diagnostics } = compile(text, recording(nodeHost(), answers), { file });
      return { file, text, answers, plan: canonicalJson(plan), diagnostics: JSON.stringify(diagnostics) };
    });
}

/** A host that writes down what another one answers. Bytes as lists of numbers, nothing as null. */
function recording(host: Host, answers: Answers): Host {
  const note = <Answer>(question: string, answer: Answer): Answer => {
    answers[question] = answer instanceof Uint8Array ? { bytes: [...answer] } : (answer ?? null);
    return answer;
  };
  return {
    readText: (path) => note(`text ${path}`, host.readText(path)),
    list: (pattern, from) => note(`list ${pattern} ${from}`, host.list(pattern, from)),
    size: (path) => note(`size ${path}`, host.size(path)),
    head: (path, bytes) => note(`head ${path} ${bytes}`, host.head?.(path, bytes)),
    hubFolder: (name) => note(`hub ${name}`, host.hubFolder(name)),
    machine: () => note("machine", host.machine()),
  };
}

/** Script for a place without Node: compiles what was recorded, with the bundle's `ctx`, and gives the results as JSON. */
export const REPLAY = `
function replay(recorded) {
  return JSON.stringify(recorded.map(({ file, text, answers }) => {
    const answer = (question) => {
      if (!Object.hasOwn(answers, question)) throw new Error("nobody asked " + question);
      const given = answers[question];
      if (given === null) return undefined;
      return given.bytes ? Uint8Array.from(given.bytes) : given;
    };
    const host = {
      readText: (path) => answer("text " + path),
      list: (pattern, from) => answer("list " + pattern + " " + from),
      size: (path) => answer("size " + path),
      head: (path, bytes) => answer("head " + path + " " + bytes),
      hubFolder: (name) => answer("hub " + name),
      machine: () => answer("machine"),
    };
    const { plan, diagnostics } = ctx.compile(text, host, { file });
    return { file, plan: ctx.canonicalJson(plan), diagnostics: JSON.stringify(diagnostics), formatted: ctx.format(text) };
  }));
}
`;
