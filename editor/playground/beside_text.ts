/** What stands in the editor besides the text: what the compiler works out, lines over stages, and how long lines go on. */
import { RangeSetBuilder, StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, ViewPlugin, type ViewUpdate, WidgetType } from "@codemirror/view";
import type { CodeLens, InlayHint } from "../service/protocol.ts";
import { offsetOf } from "./places.ts";

class Hint extends WidgetType {
  constructor(private readonly hint: InlayHint) {
    super();
  }
  override eq(other: Hint): boolean {
    return other.hint.label === this.hint.label && other.hint.tooltip === this.hint.tooltip;
  }
  override toDOM(): HTMLElement {
    const element = document.createElement("span");
    element.className = "hint";
    element.textContent = this.hint.label;
    if (this.hint.tooltip) element.title = this.hint.tooltip;
    return element;
  }
}

class Lens extends WidgetType {
  constructor(private readonly title: string) {
    super();
  }
  override eq(other: Lens): boolean {
    return other.title === this.title;
  }
  override toDOM(): HTMLElement {
    const element = document.createElement("div");
    element.className = "lens";
    element.textContent = this.title;
    return element;
  }
}

interface Beside {
  readonly hints: readonly InlayHint[];
  readonly lenses: readonly CodeLens[];
}

/** Puts what was worked out for this very text in the place of what was there. */
export const setBeside = StateEffect.define<Beside>();

export const besideText = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(shown, { changes, docChanged, effects, newDoc: doc }) {
    let now = shown.map(changes);
    // A line of its own can only stand before a line: one that the text has grown together around is let go.
    if (docChanged)
      now = now.update({ filter: (from, _, { spec }) => spec.block !== true || doc.lineAt(from).from === from });
    for (const effect of effects) {
      if (!effect.is(setBeside)) continue;
      const { hints, lenses } = effect.value;
      now = Decoration.set(
        [
          ...hints.map((hint) =>
            Decoration.widget({ widget: new Hint(hint), side: 1 }).range(offsetOf(doc, hint.position)),
          ),
          ...lenses.map(({ range, command }) =>
            Decoration.widget({ widget: new Lens(command.title), side: -1, block: true }).range(
              doc.lineAt(offsetOf(doc, range.start)).from,
            ),
          ),
        ],
        true,
      );
    }
    return now;
  },
  provide: (field) => EditorView.decorations.from(field),
});

/** Letters that a line's text is indented by; as far as its continuation lines stand out further. */
const DEEPER = 4;
const DEEPEST = 24;

/** Where a long line goes on below, it does so a step further in than it begins. */
export const hangingLines = ViewPlugin.fromClass(
  class {
    decorations: DecorationSet;
    constructor(view: EditorView) {
      this.decorations = hanging(view);
    }
    update({ docChanged, viewportChanged, view }: ViewUpdate): void {
      if (docChanged || viewportChanged) this.decorations = hanging(view);
    }
  },
  { decorations: ({ decorations }) => decorations },
);

function hanging(view: EditorView): DecorationSet {
  const builder = new RangeSetBuilder<Decoration>();
  for (const { from, to } of view.visibleRanges) {
    for (let at = from; at <= to; ) {
      const line = view.state.doc.lineAt(at);
      const indent = /^(?: *# ?| *)/.exec(line.text)![0].length;
      const by = line.text.trimStart().startsWith("#") ? indent : Math.min(indent, DEEPEST) + DEEPER;
      builder.add(line.from, line.from, hangingBy(Math.min(by, DEEPEST + DEEPER)));
      at = line.to + 1;
    }
  }
  return builder.finish();
}

const made = new Map<number, Decoration>();

function hangingBy(letters: number): Decoration {
  let decoration = made.get(letters);
  if (!decoration) {
    const style = `padding-left: calc(6px + ${letters}ch); text-indent: -${letters}ch`;
    decoration = Decoration.line({ attributes: { style } });
    made.set(letters, decoration);
  }
  return decoration;
}
