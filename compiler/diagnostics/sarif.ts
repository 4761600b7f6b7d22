import { codes, entryOf } from "./catalogue.ts";
import type { Diagnostic, Place } from "./diagnostic.ts";
import { rangeOf } from "./json.ts";
import type { Sources } from "./render.ts";

const level = { error: "error", warning: "warning", info: "note" } as const;

export interface SarifOptions {
  /** Version of ctx. */
  readonly version: string;
  /** Page of a code as Markdown, where there is one; without it the help names the command that shows it. */
  readonly page?: (code: string) => string | undefined;
}

/**
 * The diagnostics of a whole `ctx check` as one SARIF 2.1.0 log (OASIS), for code-scanning viewers. Lines and columns count
 * from 1, columns in UTF-16 units, ends excluded. Relative files are relative to `%SRCROOT%`, which the viewer sets.
 */
export function toSarif(diagnostics: readonly Diagnostic[], sources: Sources, options: SarifOptions): object {
  const used = codes.filter((code) => diagnostics.some((diagnostic) => diagnostic.code === code));
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: "ctx",
            version: options.version,
            rules: used.map((code) => ({
              id: code,
              name: ruleName(entryOf(code).title),
              shortDescription: { text: entryOf(code).title },
              fullDescription: { text: entryOf(code).message.template },
              defaultConfiguration: { level: level[entryOf(code).severity] },
              help: help(code, options.page?.(code)),
            })),
          },
        },
        invocations: [{ executionSuccessful: true }],
        columnKind: "utf16CodeUnits",
        results: diagnostics.map((diagnostic) => ({
          ruleId: diagnostic.code,
          ruleIndex: (used as readonly string[]).indexOf(diagnostic.code),
          level: level[diagnostic.severity],
          message: { text: diagnostic.label ? `${diagnostic.message}: ${diagnostic.label}` : diagnostic.message },
          locations: [{ physicalLocation: physical(diagnostic.at, sources) }],
          relatedLocations: diagnostic.related.map(({ message, at }, id) => ({
            id,
            message: { text: message },
            physicalLocation: physical(at, sources),
          })),
          fixes: diagnostic.fixes
            .filter((fix) => fix.edits.length > 0)
            .map((fix) => ({
              description: { text: fix.title },
              artifactChanges: [...new Set(fix.edits.map((edit) => edit.file))].map((file) => ({
                artifactLocation: artifact(file),
                replacements: fix.edits
                  .filter((edit) => edit.file === file)
                  .map((edit) => ({ deletedRegion: region(edit, sources), insertedContent: { text: edit.text } })),
              })),
            })),
        })),
      },
    ],
  };
}

/** "unknown property" → "UnknownProperty": names of rules are identifiers. */
function ruleName(title: string): string {
  return title
    .replace(/(?:^|[^A-Za-z0-9]+)([A-Za-z0-9])/g, (_, letter: string) => letter.toUpperCase())
    .replace(/\W/g, "");
}

function help(code: string, page: string | undefined) {
  const text = `ctx explain ${code} tells what it means, why it matters and how to mend it`;
  return page === undefined ? { text } : { text: page, markdown: page };
}

function physical(place: Place, sources: Sources) {
  return { artifactLocation: artifact(place.file), region: region(place, sources) };
}

function region(place: Place, sources: Sources) {
  const { start, end } = rangeOf(place, sources);
  return {
    startLine: start.line + 1,
    startColumn: start.character + 1,
    endLine: end.line + 1,
    endColumn: end.character + 1,
  };
}

function artifact(file: string) {
  const path = file.replaceAll("\\", "/").split("/").map(encodeURIComponent).join("/");
  if (file.startsWith("/")) return { uri: `file://${path}` };
  return { uri: path.replace(/^(\.\/)+/, ""), uriBaseId: "%SRCROOT%" };
}
