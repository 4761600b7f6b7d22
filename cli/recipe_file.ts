import { readFileSync, readSync, statSync } from "node:fs";
import { type Analysis, analyze } from "../compiler/analyze.ts";
import type { Diagnostic } from "../compiler/diagnostics/diagnostic.ts";
import { render } from "../compiler/diagnostics/render.ts";
import type { Host } from "../compiler/host.ts";
import { Failure, messageOf } from "../runtime/run/failure.ts";
import { nodeHost } from "./host.ts";
import { wantsColor } from "./paint.ts";

/** Largest recipe that is read, in bytes; real ones have a few thousand. */
const largest = 4 * 2 ** 20;

/** What a command names a recipe that it reads from its standard input. */
export const STDIN = "-";

/**
 * Reads a recipe's text.
 *
 * @param file `-`: standard input
 * @throws Failure when it is not there, no file, too large or not UTF-8
 */
export function readRecipe(file: string): string {
  try {
    const { size } = file === STDIN ? { size: 0 } : statSync(file);
    const bytes = file === STDIN ? readStdin() : size > largest ? null : readFileSync(file);
    if (bytes === null || bytes.length > largest)
      throw new Failure("input", `${file} has more than ${largest} bytes; no recipe is that long`, "name a recipe");
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    if (error instanceof Failure) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT") throw new Failure("input", `${file} does not exist`);
    if (code === "EISDIR") throw new Failure("input", `${file} is a folder`, "name the recipes in it");
    if (error instanceof TypeError) throw new Failure("input", `${file} is not UTF-8 text`);
    throw new Failure("input", `${file} can't be read: ${messageOf(error)}`);
  }
}

/** Standard input to its end, or a little more than a recipe may have of it. */
function readStdin(): Buffer {
  const parts: Buffer[] = [];
  for (let total = 0; total <= largest; ) {
    const part = Buffer.alloc(2 ** 16);
    let got: number;
    try {
      got = readSync(0, part, 0, part.length, null);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EOF") break; // Windows says so at the end of a pipe
      if (code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10); // nothing there yet
      continue;
    }
    if (got === 0) break;
    parts.push(part.subarray(0, got));
    total += got;
  }
  return Buffer.concat(parts);
}

/** Refuses standard input named twice: it can be read once. */
export function expectOneStdin(files: readonly string[]): void {
  if (files.filter((file) => file === STDIN).length > 1)
    throw new Failure("usage", "- is named twice, but standard input can be read only once", "name it once");
}

/**
 * Compiles a recipe file as far as it goes.
 *
 * @param file `-`: standard input, whose paths start from the current folder
 * @param settings `name=value` for the recipe's params
 */
export function analyzeFile(file: string, settings: readonly string[] = [], host: Host = nodeHost()): Analysis {
  return analyze(readRecipe(file), host, { file, set: parseSettings(settings) });
}

/** `["gpus=8"]` → `{ gpus: "8" }`. @throws Failure for one without `=` */
export function parseSettings(settings: readonly string[]): Record<string, string> {
  const entries = settings.map((setting) => {
    const [, name, value] = /^\s*([A-Za-z_]\w*)\s*=(.*)$/s.exec(setting) ?? [];
    if (name === undefined || value === undefined || value.trim() === "") {
      throw new Failure("usage", `--set ${setting} is not name=value`, "for example: --set length=64Ki");
    }
    return [name, value.trim()];
  });
  return Object.fromEntries(entries);
}

/** Diagnostics of one file that are printed: who reads more than these mends some first. */
const mostPrinted = 20;

/**
 * Prints diagnostics as a person reads them, a blank line after each. Of many only some, errors before others; the rest are
 * counted.
 */
export function printDiagnostics(
  { texts }: Pick<Analysis, "texts">,
  stream: NodeJS.WriteStream,
  list: readonly Diagnostic[],
): void {
  const errors = list.filter(({ severity }) => severity === "error");
  const others = list.filter(({ severity }) => severity !== "error");
  const chosen = new Set([...errors, ...others].slice(0, mostPrinted));
  for (const diagnostic of list) {
    if (!chosen.has(diagnostic)) continue;
    const text = render(diagnostic, (file) => texts.get(file), { color: wantsColor(stream) });
    stream.write(`${text}\n\n`);
  }
  const left = list.length - chosen.size;
  if (left > 0) stream.write(`and ${left} more (ctx check --json lists all)\n\n`);
}

/** "2 errors and 1 warning"; empty when there is nothing to count. */
export function countText(diagnostics: readonly Diagnostic[]): string {
  const count = (severity: Diagnostic["severity"], name: string) => {
    const number = diagnostics.filter((diagnostic) => diagnostic.severity === severity).length;
    return number === 0 ? [] : [`${number} ${name}${number === 1 ? "" : "s"}`];
  };
  return [...count("error", "error"), ...count("warning", "warning"), ...count("info", "note")].join(", ");
}
