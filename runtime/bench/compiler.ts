/**
 * How long the compiler takes: reading, checking and formatting recipes of a thousand lines in a process that is warm, and whole
 * commands in processes that are not. CPU time, so that other programs on the machine count little; of all threads, V8's compiler and garbage
 * collector included.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { analyze } from "../../compiler/analyze.ts";
import { emptyHost } from "../../compiler/index.ts";
import { format, parse } from "../../grammar/index.ts";
import { lexer } from "../../grammar/tokens.ts";
import { packageRoot } from "../engine/load.ts";

/** Milliseconds of CPU time: the best round, which other programs disturbed least, and the median. */
export interface Timing {
  readonly best: number;
  readonly median: number;
}

export interface CompilerRow {
  readonly what: string;
  /** Null where the system does not tell. */
  readonly timing: Timing | null;
}

const HEAD = `recipe thousand
model { from = "meta-llama/Meta-Llama-3-8B" }
rope { theta = critical_base(length) }
hardware { preset = h200  devices = 8 }
train { method = lora(rank: 8, also: [embed_tokens, norm]) }
`;

/** Recipes of about `lines` lines that check clean: many sources and one stage; many stages and one source. */
export function longRecipes(lines: number): { readonly [name: string]: string } {
  const count = (each: number) => Math.floor((lines - 12) / each);
  const times = (n: number, text: (k: number) => string) => Array.from({ length: n }, (_, k) => text(k)).join("");
  const sources = count(5);
  const stages = count(8);
  return {
    sources: `${HEAD}data {
${times(sources, (k) => `  # a folder of books\n  source s${k} {\n    files = "books${k}/*.jsonl"  text = "text"\n    filter = tokens >= 4Ki\n  }\n`)}
  mix = { ${times(sources, (k) => `${k > 0 ? ", " : ""}s${k}: 1 / ${sources}`)} }
}
stage s64k { length = 64Ki  steps = 50  batch = 16 }
`,
    stages: `${HEAD}data { source books { files = "books/*.jsonl" } }
${times(
  stages,
  (k) => `
# once more
let steps${k} = 50 + ${k} * 2
stage s${k} {
  length = 64Ki
  steps  = steps${k}  batch = 16
  train { optimizer = adamw(lr: 2e-5, betas: [0.9, 0.95]) }
}
`,
)}
require s0.tokens > 1M "too short"
`,
  };
}

/** Rounds of what is warm, those that warm it up, and rounds of whole processes. V8 goes on compiling for a hundred rounds and more. */
export const ROUNDS = { warm: 60, warmUp: 240, cold: 15 };

/** Times everything. */
export function benchCompiler(rounds = ROUNDS): CompilerRow[] {
  const warm = Object.entries(longRecipes(1000)).flatMap(([name, text]) => {
    const lines = text.trim().split("\n").length;
    const { diagnostics } = analyze(text, emptyHost);
    if (diagnostics.some(({ severity }) => severity === "error")) throw new Error(diagnostics[0]!.message);
    const title = `${lines} lines of ${name}`;
    return [
      { what: `${title}: lex`, timing: timed(rounds, () => lexer.tokenize(text)) },
      { what: `${title}: lex, parse`, timing: timed(rounds, () => parse(text)) },
      { what: `${title}: lex, parse, check`, timing: timed(rounds, () => analyze(text, emptyHost)) },
      { what: `${title}: lex, parse, check, plan`, timing: timed(rounds, () => analyze(text, emptyHost).plan) },
      { what: `${title}: format`, timing: timed(rounds, () => format(text)) },
    ];
  });
  const cli = join(packageRoot(), "dist", "cli", "ctx.js");
  const recipe = join(packageRoot(), "recipes", "gradient-llama3-1m.ctx");
  const cold = (
    [
      ["node, doing nothing", ["-e", "0"]],
      ["ctx check, whole process", [cli, "check", recipe]],
      ["ctx plan, whole process", [cli, "plan", recipe]],
      ["ctx fmt --check, whole process", [cli, "fmt", "--check", recipe]],
    ] as const
  ).map(([what, words]) => ({ what, timing: timedProcess(rounds.cold, words) }));
  return [...warm, ...cold];
}

function timed({ warm, warmUp }: typeof ROUNDS, work: () => void): Timing {
  for (let k = 0; k < warmUp; k++) work();
  const times = Array.from({ length: warm }, () => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  return summary(times);
}

/** CPU time of `node` with these words, by the shell's own clock. */
function timedProcess(rounds: number, words: readonly string[]): Timing | null {
  const times: number[] = [];
  for (let k = 0; k < rounds; k++) {
    const script = 'TIMEFORMAT="%U %S"; time "$0" "$@" >/dev/null 2>/dev/null';
    const { stderr, error } = spawnSync("bash", ["-c", script, process.execPath, ...words], {
      encoding: "utf8",
      env: { ...process.env, LC_ALL: "C" },
    });
    const [, user, system] = /([\d.]+) ([\d.]+)\s*$/.exec(stderr ?? "") ?? [];
    if (error || user === undefined) return null;
    times.push((Number(user) + Number(system)) * 1000);
  }
  return summary(times);
}

function summary(times: readonly number[]): Timing {
  const sorted = [...times].sort((a, b) => a - b);
  return { best: sorted[0]!, median: sorted[Math.floor(sorted.length / 2)]! };
}

/** docs/benchmarks/compiler.md. @param made when, by what command and on what */
export function compilerPage(made: string, rows: readonly CompilerRow[]): string {
  const cell = (value: number | undefined) => (value === undefined ? "–" : value.toFixed(value < 20 ? 1 : 0));
  return `# Benchmarks of the compiler

${made}

CPU time of all threads, V8's compiler and garbage collector among them: the best round, which other programs on the machine disturbed least, and the
median. The first rows are of a process that has compiled before, as in an editor (${ROUNDS.warm} rounds after ${ROUNDS.warmUp}); the last ones are whole
commands (${ROUNDS.cold} rounds), and what Node takes to start is in them.
Checking a stage works out its table, its layout in memory and its time, so a thousand lines of stages cost more than a thousand lines of anything
else; no campaign has that many. Stages that differ in their steps alone are laid out once. The plan as a document, with a place in the recipe for
each of its values, is made when it is asked for: an editor never waits for it.

The marks: lex, parse and check 1,000 lines in 10 ms (aim 3); \`ctx check\` in 300 ms (aim 200).

| | best, CPU ms | median, CPU ms |
| --- | ---: | ---: |
${rows.map(({ what, timing }) => `| ${what} | ${cell(timing?.best)} | ${cell(timing?.median)} |`).join("\n")}
`;
}
