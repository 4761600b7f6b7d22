import { describe, expect, test } from "vitest";
import { type Expression, type Parsed, parse, type Statement } from "../../grammar/index.ts";
import { lexer } from "../../grammar/tokens.ts";
import { everything, gradient, quickstart } from "./recipes.ts";

interface Survivor {
  line: number;
  lastLine: number;
  text: string;
}

/** Each property and bare comparison with its lines: what has to survive. */
function survivors({ file, text: source }: Parsed): Survivor[] {
  const found: Survivor[] = [];
  const visit = (body: Statement[]): void => {
    for (const statement of body) {
      if (statement.kind === "block") visit(statement.body);
      else if (statement.kind === "property" || statement.kind === "assertion") {
        const value: Expression = statement.kind === "property" ? statement.value : statement.expression;
        if (value.kind === "error") continue;
        const name = statement.kind === "property" ? statement.name.name : "";
        const [line, lastLine] = [source.lineAt(statement.start), source.lineAt(value.end)];
        found.push({ line, lastLine, text: `${name} ${source.slice(value)}` });
      }
    }
  };
  visit(file.body);
  return found;
}

interface Mutation {
  what: string;
  text: string;
  /** The line that was changed. */
  line: number;
  /** Lines from here on are gone (truncation), or moved up by one (deleted line). */
  cut?: boolean;
  deleted?: boolean;
}

function* mutations(text: string): Generator<Mutation> {
  const lineOf = (offset: number) => text.slice(0, offset).split("\n").length - 1;
  for (const token of lexer.tokenize(text).tokens) {
    const { startOffset: start, image } = token;
    if (image.trim() === "") continue;
    const end = start + image.length;
    const line = lineOf(start);
    const where = `${image} at ${start}`;
    yield { what: `delete ${where}`, text: text.slice(0, start) + text.slice(end), line };
    yield { what: `duplicate ${where}`, text: `${text.slice(0, end)} ${text.slice(start)}`, line };
    for (const inserted of ["}", "(", "?"]) {
      yield {
        what: `insert ${inserted} after ${where}`,
        text: `${text.slice(0, end)} ${inserted} ${text.slice(end)}`,
        line,
      };
    }
  }
  for (let offset = 0; offset < text.length; offset += 3) {
    yield { what: `truncate at ${offset}`, text: text.slice(0, offset), line: lineOf(offset), cut: true };
  }
  const lines = text.split("\n");
  for (let line = 0; line < lines.length; line++) {
    const rest = lines.filter((_, index) => index !== line).join("\n");
    yield { what: `delete line ${line}`, text: rest, line, deleted: true };
  }
}

function measure(text: string, mostLines: number) {
  const before = survivors(parse(text));
  let cases = 0;
  let expected = 0;
  let kept = 0;
  let diagnosed = 0;
  const lost: string[] = [];
  const many: string[] = [];
  for (const { what, text: mutated, line, cut, deleted } of mutations(text)) {
    cases++;
    const parsed = parse(mutated);
    diagnosed += parsed.problems.length;
    if (parsed.problems.length > mostLines) many.push(what);
    const after = new Set(survivors(parsed).map((survivor) => `${survivor.line} ${survivor.text}`));
    for (const property of before) {
      if (property.line <= line && line <= property.lastLine) continue;
      if (cut && property.line > line) continue;
      expected++;
      if (after.has(`${deleted && property.line > line ? property.line - 1 : property.line} ${property.text}`)) kept++;
      else lost.push(`${what}: ${property.text}`);
    }
  }
  return { cases, kept: kept / expected, diagnosed: diagnosed / cases, lost, many };
}

describe("mutations", () => {
  test.each([
    ["gradient", gradient, 3],
    ["quickstart", quickstart, 3],
    // Has a map over four lines: without its brace, each of its lines is wrong.
    ["everything", everything, 5],
  ])("of %s: other lines survive, few lines are diagnosed", (_, text, mostLines) => {
    const result = measure(text, mostLines);
    expect(result.kept, result.lost.slice(0, 10).join("\n")).toBeGreaterThanOrEqual(0.999);
    expect(result.many).toEqual([]);
    expect(result.cases).toBeGreaterThan(300);
  });
});
