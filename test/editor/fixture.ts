import {
  type CodeAction,
  type CompletionItem,
  codeActions,
  codeLenses,
  completionsAt,
  definitionAt,
  diagnosticsOf,
  documentSymbols,
  foldingRanges,
  formattingEdits,
  highlightsAt,
  hoverAt,
  inlayHints,
  type Location,
  type Position,
  type Range,
  referencesAt,
  rename,
  Snapshot,
  semanticTokens,
  signatureHelpAt,
  type TextEdit,
  tokenModifiers,
  tokenTypes,
  type WorkspaceEdit,
} from "../../editor/service/index.ts";
import { SourceText } from "../../grammar/index.ts";
import { hostOf } from "../diagnostics/fixture.ts";

/**
 * A recipe with questions that an editor asks, and the answers:
 *
 *     stage a { length = 64Ki }
 *     #         ^ hover
 *     #| **length**: tokens …
 *
 * The caret stands under the character that the cursor is before; `#<` is the first column of the line. Questions about the
 * whole recipe stand at its end: `#! symbols`. What the recipe can read is set up as in test/diagnostics.
 */
const question = /^#(?:( *)\^|<|!) ([a-z].*)$/;
const answer = /^#\|/;

/** The recipe without questions and answers. */
export function recipeOf(fixture: string): string {
  return fixture
    .split("\n")
    .filter((line) => !question.test(line) && !answer.test(line))
    .join("\n");
}

/** The fixture with the answers that the service gives. */
export function answered(fixture: string): string {
  const recipe = recipeOf(fixture);
  const host = hostOf(recipe);
  const workspace = { host, uri: (file: string) => file, snippets: true };
  const snapshot = new Snapshot("recipe.ctx", recipe, workspace);
  let line = -1;
  return fixture
    .split("\n")
    .filter((each) => !answer.test(each))
    .flatMap((each) => {
      const found = question.exec(each);
      if (!found) {
        line++;
        return [each];
      }
      const character = found[1] === undefined ? 0 : found[1].length + 1;
      return [each, ...ask(found[2]!, { line, character }, snapshot).map((text) => `#| ${text}`.trimEnd())];
    })
    .join("\n");
}

/** Completions that an answer lists. */
const mostListed = 14;

function ask(asked: string, at: Position, snapshot: Snapshot): string[] {
  const [what, ...words] = asked.split(" ");
  switch (what) {
    case "hover":
      return hoverAt(snapshot, at)?.contents.value.split("\n") ?? ["nothing"];
    case "complete":
      return listed(completionsAt(snapshot, at));
    case "definition":
      return definitionAt(snapshot, at).map((place) => placeText(place, snapshot));
    case "references": {
      const places = referencesAt(snapshot, at, { declarations: true, others: [] });
      return [
        ...places.map((place) => placeText(place, snapshot)),
        `${highlightsAt(snapshot, at).length} in this document`,
      ];
    }
    case "rename": {
      const edit = rename(snapshot, at, words[1] ?? "");
      return "refused" in edit ? [`refused: ${edit.refused}`] : changed(edit, snapshot);
    }
    case "signature": {
      const help = signatureHelpAt(snapshot, at);
      const [signature] = help?.signatures ?? [];
      if (!help || !signature) return ["nothing"];
      const active = signature.parameters[help.activeParameter];
      const [from, to] = active?.label ?? [0, 0];
      const { label } = signature;
      return [
        active ? `${label.slice(0, from)}«${label.slice(from, to)}»${label.slice(to)}` : label,
        ...(active?.documentation?.value.split("\n") ?? []),
      ];
    }
    case "actions":
      return codeActions(snapshot, { start: at, end: at }, words.length > 0 ? words : undefined).flatMap((action) => [
        titleOf(action),
        ...changed(action.edit, snapshot).map((text) => `  ${text}`),
      ]);
    case "symbols":
      return symbolLines(documentSymbols(snapshot), "");
    case "folding":
      return foldingRanges(snapshot).map(
        ({ startLine, endLine, kind }) => `${startLine + 1}–${endLine + 1} ${kind ?? ""}`,
      );
    case "tokens":
      return tokenLines(snapshot);
    case "lens":
      return codeLenses(snapshot).map(({ range, command }) => `${rangeText(range)} ${command.title}`);
    case "hints":
      return inlayHints(snapshot).map(({ position, label }) => {
        const line = snapshot.text.slice(snapshot.text.line(position.line));
        return `${line.slice(0, position.character).trimStart()}⟨${label}⟩${line.slice(position.character)}`;
      });
    case "format":
      return changed({ changes: { "recipe.ctx": formattingEdits(snapshot, lineRange(words)) } }, snapshot);
    case "diagnostics":
      return [...diagnosticsOf(snapshot)].flatMap(([file, list]) =>
        list.flatMap((each) => [
          `${file}:${rangeText(each.range)} ${each.severity} ${each.code} ${each.message.replaceAll("\n", " | ")}`,
          ...(each.relatedInformation ?? []).map(
            ({ location, message }) => `  ${placeText(location, snapshot)}: ${message}`,
          ),
        ]),
      );
    default:
      throw new Error(`nobody asks ${asked}`);
  }
}

/** `format 2-4`: only these lines, from 1. */
function lineRange([lines]: string[]): Range | undefined {
  const [, from, to] = /^(\d+)-(\d+)$/.exec(lines ?? "") ?? [];
  if (from === undefined) return undefined;
  return { start: { line: Number(from) - 1, character: 0 }, end: { line: Number(to), character: 0 } };
}

function listed(items: readonly CompletionItem[]): string[] {
  const sorted = [...items].sort((a, b) => ((a.sortText ?? a.label) < (b.sortText ?? b.label) ? -1 : 1));
  const lines = sorted.slice(0, mostListed).map(({ label, detail, textEdit }) => {
    const text = textEdit.newText === label ? "" : ` → ${textEdit.newText}`;
    return `${label}${text}${detail ? `  (${detail})` : ""}`;
  });
  if (items.length > mostListed) lines.push(`and ${items.length - mostListed} more`);
  return lines.length > 0 ? lines : ["nothing"];
}

function titleOf({ title, kind, isPreferred, diagnostics }: CodeAction): string {
  const codes = (diagnostics ?? []).map(({ code }) => code).join(", ");
  return [`[${kind}]`, title, codes && `(${codes})`, isPreferred && "preferred"].filter(Boolean).join(" ");
}

function placeText({ uri, range }: Location, snapshot: Snapshot): string {
  const text = snapshot.sources.texts.get(uri);
  const line = text ? text.slice(text.line(range.start.line)).trim() : "";
  return `${uri}:${rangeText(range)} ${line}`;
}

function rangeText({ start, end }: Range): string {
  return `${start.line + 1}:${start.character + 1}–${end.line === start.line ? "" : `${end.line + 1}:`}${end.character + 1}`;
}

/** The lines that an edit changes, before and after. */
function changed({ changes }: WorkspaceEdit, snapshot: Snapshot): string[] {
  return Object.entries(changes).flatMap(([file, edits]) => {
    const before = snapshot.sources.texts.get(file)!.text;
    const after = applied(before, edits);
    const [old, now] = [before.split("\n"), after.split("\n")];
    let head = 0;
    while (head < old.length && head < now.length && old[head] === now[head]) head++;
    let tail = 0;
    while (tail < Math.min(old.length, now.length) - head && old.at(-1 - tail) === now.at(-1 - tail)) tail++;
    const name = file === "recipe.ctx" ? [] : [file];
    const kept = (lines: string[]) => lines.slice(head, lines.length - tail);
    const [gone, come] = [kept(old), kept(now)];
    // Lines in between that stay as they are are told once.
    if (gone.length === come.length)
      return [...name, ...gone.flatMap((line, k) => (line === come[k] ? [] : [`- ${line}`, `+ ${come[k]}`]))];
    return [...name, ...gone.map((line) => `- ${line}`), ...come.map((line) => `+ ${line}`)];
  });
}

/** A text with edits as an editor applies them. */
export function applied(text: string, edits: readonly TextEdit[]): string {
  const source = new SourceText(text);
  const places = edits
    .map(({ range, newText }, k) => ({ from: source.offset(range.start), to: source.offset(range.end), newText, k }))
    .sort((a, b) => a.from - b.from || a.k - b.k);
  let out = "";
  let at = 0;
  for (const { from, to, newText } of places) {
    if (from < at) throw new Error("edits overlap");
    out += text.slice(at, from) + newText;
    at = to;
  }
  return out + text.slice(at);
}

function symbolLines(symbols: ReturnType<typeof documentSymbols>, indent: string): string[] {
  return symbols.flatMap(({ name, detail, children }) => [
    `${indent}${name}${detail === undefined ? "" : `  ${detail}`}`,
    ...symbolLines(children ?? [], `${indent}  `),
  ]);
}

/** Each word with its kind, a line for each line of the recipe. */
function tokenLines(snapshot: Snapshot): string[] {
  const data = semanticTokens(snapshot);
  const lines: string[][] = [];
  let [line, character] = [0, 0];
  for (let k = 0; k < data.length; k += 5) {
    const [down, right, length, type, bits] = data.slice(k, k + 5) as [number, number, number, number, number];
    character = down === 0 ? character + right : right;
    line += down;
    const start = snapshot.offset({ line, character });
    const modifiers = tokenModifiers.filter((_, bit) => bits & (1 << bit)).map((name) => `.${name}`);
    lines[line] ??= [];
    lines[line]!.push(`${snapshot.text.text.slice(start, start + length)}:${tokenTypes[type]}${modifiers.join("")}`);
  }
  return lines.filter((each) => each !== undefined).map((each) => each.join("  "));
}
