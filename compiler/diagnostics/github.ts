import type { Diagnostic, Severity } from "./diagnostic.ts";
import { rangeOf } from "./json.ts";
import { fixLines, type Sources } from "./render.ts";

const command: Record<Severity, string> = { error: "error", warning: "warning", info: "notice" };

/**
 * Diagnostics as workflow commands of GitHub Actions, which become annotations beside the lines of a pull request:
 *
 *     ::error file=a.ctx,line=3,col=5,endColumn=9,title=CTX2001 unknown property::train has no property …
 *
 * Lines and columns count from 1, `endColumn` is the last column that belongs to the place. GitHub takes columns only where
 * a place is in one line.
 *
 * @param name how the file is called from the repository's root; null: it has no name there
 */
export function toGithub(
  diagnostics: readonly Diagnostic[],
  sources: Sources,
  title: (code: string) => string,
  name: (file: string) => string | null,
): string[] {
  return diagnostics.map((diagnostic) => {
    const { start, end } = rangeOf(diagnostic.at, sources);
    const file = name(diagnostic.at.file);
    const oneLine = start.line === end.line && end.character > start.character;
    const properties: [string, string | number][] = [
      ...(file === null ? [] : [["file", file] as [string, string]]),
      ["line", start.line + 1],
      ...(oneLine
        ? ([
            ["col", start.character + 1],
            ["endColumn", end.character],
          ] as [string, number][])
        : [["endLine", end.line + 1] as [string, number]]),
      ["title", `${diagnostic.code} ${title(diagnostic.code)}`.trim()],
    ];
    const settings = properties.map(
      ([key, value]) => `${key}=${escaped(String(value)).replace(/:/g, "%3A").replace(/,/g, "%2C")}`,
    );
    return `::${command[diagnostic.severity]} ${settings.join(",")}::${escaped(messageOf(diagnostic))}`;
  });
}

function messageOf(diagnostic: Diagnostic): string {
  const { message, label, related } = diagnostic;
  const lines = [label ? `${message}: ${label}` : message, ...related.map((each) => each.message)];
  return [...lines, ...fixLines(diagnostic)].join("\n");
}

function escaped(text: string): string {
  return text.replace(/%/g, "%25").replace(/\r/g, "%0D").replace(/\n/g, "%0A");
}
