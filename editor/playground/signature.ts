/** The parameters of the call that is being written, over it. */
import { StateEffect, StateField } from "@codemirror/state";
import { type EditorView, keymap, showTooltip, type Tooltip, ViewPlugin, type ViewUpdate } from "@codemirror/view";
import { escapeText } from "../../compiler/drawing/svg.ts";
import type { SignatureHelp } from "../service/protocol.ts";
import type { Client } from "./client.ts";
import { htmlOf } from "./markdown.ts";
import { positionOf } from "./places.ts";

const set = StateEffect.define<Tooltip | null>();

const shown = StateField.define<Tooltip | null>({
  create: () => null,
  update(tooltip, { effects, changes }) {
    let now = tooltip && { ...tooltip, pos: changes.mapPos(tooltip.pos) };
    for (const effect of effects) if (effect.is(set)) now = effect.value;
    return now;
  },
  provide: (field) => showTooltip.from(field),
});

/** Shown once a bracket or a comma is written, or asked for by Ctrl+Shift+Space; it follows the cursor until it leaves the call. */
export function signatures(client: Client) {
  /** Whether an answer is awaited: letters that come meanwhile ask again. */
  let asked = false;
  const ask = async (view: EditorView) => {
    asked = true;
    const { state } = view;
    const { head } = state.selection.main;
    const at = positionOf(state.doc, head);
    const help = await client.ask({ kind: "signature", text: state.doc.toString(), at }).catch(() => null);
    if (view.state.doc !== state.doc || view.state.selection.main.head !== head) return;
    asked = false;
    view.dispatch({ effects: set.of(help && tooltipOf(help, head)) });
  };
  const close = (view: EditorView) => {
    if (view.state.field(shown) === null) return false;
    view.dispatch({ effects: set.of(null) });
    return true;
  };
  const follow = ViewPlugin.define(() => ({
    update({ view, state, docChanged, selectionSet, focusChanged }: ViewUpdate) {
      if (!docChanged && !selectionSet && !focusChanged) return;
      const { head } = state.selection.main;
      const begins = docChanged && /[(,]/.test(state.sliceDoc(Math.max(0, head - 1), head));
      if (!begins && !asked && state.field(shown) === null) return;
      // An update may not bring about the next one.
      queueMicrotask(() => {
        if (view.hasFocus) void ask(view);
        else close(view);
      });
    },
  }));
  return [
    shown,
    follow,
    keymap.of([
      {
        key: "Mod-Shift-Space",
        run: (view) => {
          void ask(view);
          return true;
        },
      },
      { key: "Escape", run: close },
    ]),
  ];
}

function tooltipOf({ signatures: [signature], activeParameter }: SignatureHelp, pos: number): Tooltip | null {
  if (!signature) return null;
  const { label, parameters, documentation } = signature;
  const active = parameters[activeParameter];
  const [from, to] = active?.label ?? [0, 0];
  const marked = `${escapeText(label.slice(0, from))}<mark>${escapeText(label.slice(from, to))}</mark>${escapeText(label.slice(to))}`;
  const told = active?.documentation ?? documentation;
  return {
    pos,
    above: true,
    create: () => {
      const dom = document.createElement("div");
      dom.className = "told signature";
      dom.innerHTML = `<code>${marked}</code>${told ? htmlOf(told.value) : ""}`;
      return { dom };
    },
  };
}
