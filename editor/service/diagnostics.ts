import type { Diagnostic, Place } from "../../compiler/diagnostics/diagnostic.ts";
import { Report } from "../../compiler/diagnostics/report.ts";
import { reportSyntax } from "../../compiler/diagnostics/syntax.ts";
import { folderOf, joinPath } from "../../compiler/path.ts";
import type { FileNode, Span } from "../../grammar/ast.ts";
import { type EditorDiagnostic, SEVERITIES } from "./protocol.ts";
import type { Snapshot } from "./snapshot.ts";

/** Something that is there and changes nothing: shown faded. */
const idle: ReadonlySet<string> = new Set(["CTX2401", "CTX3017", "CTX5003", "CTX5017"]);

/** What is wrong with a recipe, by the document that it stands in. Its own document is always among them. */
export function diagnosticsOf(snapshot: Snapshot): Map<string, EditorDiagnostic[]> {
  const found = new Map<string, EditorDiagnostic[]>([[snapshot.workspace.uri(snapshot.file), []]]);
  for (const diagnostic of snapshot.analysis.diagnostics) {
    const uri = snapshot.workspace.uri(diagnostic.at.file);
    const shown = showDiagnostic(diagnostic, snapshot);
    if (!shown) continue;
    const list = found.get(uri);
    if (list) list.push(shown);
    else found.set(uri, [shown]);
    const passedOn = throughImport(diagnostic, shown, snapshot);
    if (passedOn) found.get(snapshot.workspace.uri(snapshot.file))!.push(passedOn);
  }
  return found;
}

/**
 * An error of an imported file, at the import that leads there: whoever has the recipe alone before them would not see why there is no
 * plan. Undefined of what stands in the recipe itself, or is no error.
 */
function throughImport(
  { at, severity }: Diagnostic,
  shown: EditorDiagnostic,
  snapshot: Snapshot,
): EditorDiagnostic | undefined {
  if (severity !== "error" || at.file === snapshot.file) return undefined;
  const path = importLeadingTo(at.file, snapshot);
  const location = snapshot.location(at);
  if (!path || !location) return undefined;
  const home = `${folderOf(snapshot.file)}/`;
  const name = at.file.startsWith(home) ? at.file.slice(home.length) : at.file;
  const { tags: _, relatedInformation: others = [], ...rest } = shown;
  return {
    ...rest,
    range: snapshot.range(path),
    message: `in ${name}: ${shown.message}`,
    relatedInformation: [{ location, message: "here" }, ...others],
  };
}

/** The path of the recipe's own import through which a file is read. */
function importLeadingTo(file: string, { file: own, tree, sources }: Snapshot): Span | undefined {
  const trees = new Map(sources.files.map(({ name, tree }) => [name, tree]));
  const seen = new Set([own]);
  const leads = (from: string): boolean => {
    if (from === file) return true;
    if (seen.has(from)) return false;
    seen.add(from);
    return importsOf(trees.get(from), from).some(({ target }) => leads(target));
  };
  return importsOf(tree, own).find(({ target }) => leads(target))?.path;
}

function importsOf(tree: FileNode | undefined, file: string) {
  return (tree?.body ?? []).flatMap((node) =>
    node.kind === "import" && node.path ? [{ path: node.path, target: joinPath(folderOf(file), node.path.value) }] : [],
  );
}

/** A diagnostic as the protocol has it; undefined of a file that was not read. */
export function showDiagnostic(diagnostic: Diagnostic, snapshot: Snapshot): EditorDiagnostic | undefined {
  const { code, severity, message, label, at, related } = diagnostic;
  const place = snapshot.location(at);
  if (!place) return undefined;
  const href = snapshot.workspace.page?.(code);
  const others = related.flatMap(({ message, at }) => {
    const location = snapshot.location(at);
    return location ? [{ location, message }] : [];
  });
  return {
    range: place.range,
    severity: SEVERITIES[severity],
    code,
    ...(href !== undefined && { codeDescription: { href } }),
    source: "ctx",
    message: label === "" ? message : `${message}\n${label}`,
    ...(idle.has(code) && { tags: [1] as const }),
    ...(others.length > 0 && { relatedInformation: others }),
  };
}

/**
 * What can be said of a text at once, while its analysis is still to come: its syntax problems, and of what was found in the
 * text before, whatever stands before or after the part that has changed.
 */
export function earlyDiagnostics(snapshot: Snapshot, before: Snapshot): EditorDiagnostic[] {
  const report = new Report();
  reportSyntax(snapshot.parsed.problems, snapshot.file, report);
  const move = movedPlaces(before.text.text, snapshot.text.text);
  const old = before.analysis.diagnostics.flatMap((diagnostic): Diagnostic[] => {
    if (diagnostic.at.file !== snapshot.file || diagnostic.code.startsWith("CTX1")) return [];
    const at = move(diagnostic.at);
    const related = diagnostic.related.flatMap((each) => {
      const moved = each.at.file === snapshot.file ? move(each.at) : each.at;
      return moved ? [{ ...each, at: moved }] : [];
    });
    return at ? [{ ...diagnostic, at, related }] : [];
  });
  return [...report.list(), ...old].flatMap((diagnostic) => showDiagnostic(diagnostic, snapshot) ?? []);
}

/** Where a place of one text is in another that differs in one stretch; undefined for a place that touches it. */
function movedPlaces(from: string, to: string): (place: Place) => Place | undefined {
  const most = Math.min(from.length, to.length);
  let head = 0;
  while (head < most && from.charCodeAt(head) === to.charCodeAt(head)) head++;
  let tail = 0;
  while (tail < most - head && from.charCodeAt(from.length - 1 - tail) === to.charCodeAt(to.length - 1 - tail)) tail++;
  const by = to.length - from.length;
  return (place) => {
    if (place.end < head) return place;
    if (place.start <= from.length - tail) return undefined;
    return { ...place, start: place.start + by, end: place.end + by };
  };
}
