import {
  acceptCompletion,
  autocompletion,
  type Completion,
  type CompletionContext,
  type CompletionResult,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { bracketMatching, indentOnInput, indentUnit } from "@codemirror/language";
import { type Diagnostic, forceLinting, linter, lintGutter, lintKeymap } from "@codemirror/lint";
import { EditorState, type Text } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, hoverTooltip, keymap, lineNumbers } from "@codemirror/view";
import type { CompletionItem, TextEdit } from "../service/protocol.ts";
import type { Finding, Look } from "./answers.ts";
import { besideText, hangingLines, setBeside } from "./beside_text.ts";
import type { Client } from "./client.ts";
import { htmlOf } from "./markdown.ts";
import { recipeMode } from "./mode.ts";
import { offsetOf, positionOf, spanOf } from "./places.ts";
import { signatures } from "./signature.ts";

/** Applies edits that were made for this very text. */
export function applyEdits(view: EditorView, edits: readonly TextEdit[]): void {
  const { doc } = view.state;
  const changes = edits.map(({ range, newText }) => ({ ...spanOf(doc, range), insert: newText }));
  view.dispatch({ changes, userEvent: "input.fix", scrollIntoView: true });
  view.focus();
}

/**
 * The editor of a recipe, whose answers come from the worker.
 *
 * @param looked called with what was found, or with what stands in the way, each time the text rests
 * @param changed called on each change; `whole`: another text was put in place of all that stood there
 */
export function recipeEditor(
  parent: Element,
  text: string,
  client: Client,
  looked: (look: Look | Error) => void,
  changed: (whole: boolean) => void,
): EditorView {
  return new EditorView({
    parent,
    state: EditorState.create({
      doc: text,
      extensions: [
        EditorView.cspNonce.of("ctx-playground"),
        EditorView.contentAttributes.of({ "aria-label": "Recipe", "aria-describedby": "keys", spellcheck: "false" }),
        // A long comment goes on below.
        EditorView.lineWrapping,
        [lineNumbers(), lintGutter(), history(), drawSelection(), highlightActiveLine(), bracketMatching()],
        [indentOnInput(), indentUnit.of("  "), closeBrackets(), recipeMode, besideText, hangingLines],
        autocompletion({ override: [(context) => complete(context, client)] }),
        hoverTooltip((view, offset) => hover(view, offset, client)),
        signatures(client),
        EditorView.updateListener.of(({ docChanged, changes, startState, transactions }) => {
          if (!docChanged) return;
          let whole = false;
          changes.iterChanges((from, to) => {
            whole ||= from === 0 && to === startState.doc.length;
          });
          changed(whole && !transactions.some((transaction) => transaction.isUserEvent("input.fix")));
        }),
        linter((view) => look(view, client, looked), { delay: 250 }),
        keymap.of([
          // Enter takes a completion, and so does Tab, which else indents.
          { key: "Tab", run: acceptCompletion },
          ...[closeBracketsKeymap, completionKeymap, lintKeymap, historyKeymap, defaultKeymap].flat(),
          indentWithTab,
        ]),
      ],
    }),
  });
}

/** Scrolls to where one writes. */
export function showCursor(view: EditorView): void {
  view.dispatch({ effects: EditorView.scrollIntoView(view.state.selection.main.head) });
}

/** Another text in place of the whole, which is looked at without delay. */
export function replaceText(view: EditorView, text: string): void {
  view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text }, selection: { anchor: 0 } });
  forceLinting(view);
}

async function look(view: EditorView, client: Client, looked: (look: Look | Error) => void): Promise<Diagnostic[]> {
  const { doc } = view.state;
  try {
    const found = await client.ask({ kind: "look", text: doc.toString() });
    if (view.state.doc !== doc) return [];
    looked(found);
    view.dispatch({ effects: setBeside.of(found) });
    return found.findings.map((finding) => diagnosticOf(finding, doc));
  } catch (error) {
    looked(error as Error);
    return [];
  }
}

function diagnosticOf(finding: Finding, doc: Text): Diagnostic {
  return {
    ...spanOf(doc, finding.range),
    severity: ({ 1: "error", 2: "warning", 3: "info" } as const)[finding.severity],
    source: finding.code,
    message: finding.message,
    actions: finding.fixes.map(({ title, edits }) => ({
      name: title,
      apply: (view) => {
        // Of a text that has changed meanwhile, the next look finds its own fixes.
        if (view.state.doc.eq(doc)) applyEdits(view, edits);
      },
    })),
  };
}

/** Kinds of the protocol as the icons of the list. */
const ICONS: { readonly [kind: number]: string } = {
  ...{ 3: "function", 5: "property", 6: "variable", 10: "property", 12: "constant", 14: "keyword", 17: "text" },
  ...{ 18: "variable", 19: "text", 20: "enum", 21: "constant", 22: "class" },
};

async function complete(context: CompletionContext, client: Client): Promise<CompletionResult | null> {
  const { state, pos, explicit } = context;
  const before = state.sliceDoc(Math.max(0, pos - 1), pos);
  if (!explicit && !/[\w.({=,"@ ]/.test(before)) return null;
  const trigger = explicit || /\w/.test(before) ? {} : { trigger: before };
  const at = positionOf(state.doc, pos);
  const items = await client.ask({ kind: "complete", text: state.doc.toString(), at, ...trigger }).catch(() => []);
  if (context.aborted || items.length === 0) return null;
  return {
    from: offsetOf(state.doc, items[0]!.textEdit.range.start),
    options: items.map((item) => optionOf(item, state.doc)),
    // Narrowing by further letters needs no new question.
    validFor: /^[\w"./-]*$/,
  };
}

function optionOf(item: CompletionItem, doc: Text): Completion {
  const { from, to } = spanOf(doc, item.textEdit.range);
  return {
    label: item.filterText ?? item.label,
    displayLabel: item.label,
    type: ICONS[item.kind] ?? "text",
    ...(item.detail !== undefined && { detail: item.detail }),
    ...(item.preselect && { boost: 50 }),
    ...(item.sortText !== undefined && { sortText: item.sortText }),
    ...(item.documentation && { info: () => elementOf("div", "told", htmlOf(item.documentation!.value)) }),
    apply: (view, _completion, start, end) => {
      // What was typed since stands behind the place that the answer was made for.
      view.dispatch({
        changes: { from: Math.min(from, start), to: Math.max(end, to), insert: item.textEdit.newText },
        selection: { anchor: Math.min(from, start) + item.textEdit.newText.length },
        userEvent: "input.complete",
      });
    },
  };
}

async function hover(view: EditorView, offset: number, client: Client) {
  const { doc } = view.state;
  const at = positionOf(doc, offset);
  const found = await client.ask({ kind: "hover", text: doc.toString(), at }).catch(() => null);
  if (!found || view.state.doc !== doc) return null;
  const { from, to } = spanOf(doc, found.range);
  return {
    pos: from,
    end: to,
    above: true,
    create: () => ({ dom: elementOf("div", "told", htmlOf(found.contents.value)) }),
  };
}

function elementOf(name: string, className: string, html: string): HTMLElement {
  const element = document.createElement(name);
  element.className = className;
  element.innerHTML = html;
  return element;
}
