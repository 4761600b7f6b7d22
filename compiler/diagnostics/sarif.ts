import { codes, entryOf } from "./catalogue.ts";
import type { Diagnostic, Place } from "./diagnostic.ts";
import { rangeOf } from "./json.ts";
import type { Sources } from "./render.ts";

const level = { error: "error", warning: "warning", info: "note" } as const;

/** The diagnostics of a whole `ctx check` as one SARIF 2.1.0 log (OASIS), for code-scanning viewers. */
export function toSarif(diagnostics: readonly Diagnostic[], sources: Sources, version: string): object {
  const used = codes.filter((code) => diagnostics.some((diagnostic) => diagnostic.code === code));
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: "ctx",
            version,
            rules: used.map((code) => ({
              id: code,
              name: entryOf(code).title,
              shortDescription: { text: entryOf(code).title },
              fullDescription: { text: entryOf(code).message.template },
              defaultConfiguration: { level: level[entryOf(code).severity] },
              help: { text: `ctx explain ${code}` },
            })),
          },
        },
        columnKind: "utf16CodeUnits",
        results: diagnostics.map((diagnostic) => ({
          ruleId: diagnostic.code,
          ruleIndex: (used as readonly string[]).indexOf(diagnostic.code),
          level: level[diagnostic.severity],
          message: { text: `${diagnostic.message}: ${diagnostic.label}` },
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
                artifactLocation: { uri: uri(file) },
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

function physical(place: Place, sources: Sources) {
  return { artifactLocation: { uri: uri(place.file) }, region: region(place, sources) };
}

/** SARIF counts lines and columns from 1. */
function region(place: Place, sources: Sources) {
  const { start, end } = rangeOf(place, sources);
  return {
    startLine: start.line + 1,
    startColumn: start.character + 1,
    endLine: end.line + 1,
    endColumn: end.character + 1,
  };
}

const uri = (file: string) => file.split("/").map(encodeURIComponent).join("/");
