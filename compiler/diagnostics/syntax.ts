import type { SyntaxProblem } from "../../grammar/problems.ts";
import type { ValuesOf } from "./catalogue.ts";
import type { Report } from "./report.ts";

/** The grammar's problems as diagnostics of a file. */
export function reportSyntax(problems: readonly SyntaxProblem[], file: string, report: Report): void {
  for (const problem of problems) {
    const values = { ...problem.parameters } as { [hole: string]: string | number };
    if (problem.code === "CTX1003") values.owner = values.owner ? ` for ${values.owner}` : "";
    report.add(
      problem.code,
      { file, start: problem.start, end: problem.end },
      values as ValuesOf<typeof problem.code>,
      {
        related: (problem.related ?? []).map(({ note, start, end }) => ({ message: note, at: { file, start, end } })),
        fixes: (problem.fixes ?? []).map((fix) => ({ ...fix, edits: fix.edits.map((edit) => ({ file, ...edit })) })),
      },
    );
  }
}
