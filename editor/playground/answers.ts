/** What the page asks its worker, and the answers: the language service and the compiler, over recipes that have no files. */
import { emptyHost, type Host } from "../../compiler/host.ts";
import { renderPlan } from "../panel/index.ts";
import {
  type CodeLens,
  type CompletionItem,
  codeActions,
  codeLenses,
  completionsAt,
  diagnosticsOf,
  type EditorDiagnostic,
  formattingEdits,
  type Hover,
  hoverAt,
  type InlayHint,
  inlayHints,
  type Position,
  type SignatureHelp,
  Snapshot,
  signatureHelpAt,
  type TextEdit,
} from "../service/index.ts";

export type Question =
  | { readonly kind: "look"; readonly text: string }
  | { readonly kind: "complete"; readonly text: string; readonly at: Position; readonly trigger?: string }
  | { readonly kind: "hover"; readonly text: string; readonly at: Position }
  | { readonly kind: "signature"; readonly text: string; readonly at: Position }
  | { readonly kind: "format"; readonly text: string };

/** Everything that is shown of a recipe at rest. */
export interface Look {
  readonly findings: readonly Finding[];
  readonly hints: readonly InlayHint[];
  /** What stands over the stages. */
  readonly lenses: readonly CodeLens[];
  /** The picture of the plan; null where an error stands in its way. */
  readonly plan: string | null;
}

export interface Finding extends EditorDiagnostic {
  readonly fixes: readonly { readonly title: string; readonly edits: readonly TextEdit[] }[];
  /** What holds on this page alone. */
  readonly aside?: string;
}

export type Answer<Q extends Question> = Q extends { kind: "look" }
  ? Look
  : Q extends { kind: "complete" }
    ? readonly CompletionItem[]
    : Q extends { kind: "hover" }
      ? Hover | null
      : Q extends { kind: "signature" }
        ? SignatureHelp | null
        : readonly TextEdit[];

/** The one document of the page. */
const FILE = "recipe.ctx";

/** Answers questions; the last text is kept, since several are asked of each. */
export class Answers {
  #last: Snapshot | undefined;
  readonly #host: Host;

  /** @param files texts that recipes may name, by path: the examples, to be imported, and their models */
  constructor(files: { readonly [path: string]: string } = {}) {
    const known = new Map(Object.entries(files));
    this.#host = {
      ...emptyHost,
      readText: (path) => known.get(path),
      size: (path) => known.get(path)?.length,
      // Of what is not known here nobody can say that there is none.
      list: (pattern) => {
        const fits = patternOf(pattern);
        const found = [...known.keys()].filter((path) => fits.test(path)).sort();
        return found.length > 0 ? found : undefined;
      },
    };
  }

  answer<Q extends Question>(question: Q): Answer<Q>;
  answer(question: Question): unknown {
    const snapshot = this.#snapshot(question.text);
    switch (question.kind) {
      case "look":
        return look(snapshot);
      case "complete":
        return completionsAt(snapshot, question.at, question.trigger);
      case "hover":
        return hoverAt(snapshot, question.at) ?? null;
      case "signature":
        return signatureHelpAt(snapshot, question.at) ?? null;
      case "format":
        return formattingEdits(snapshot);
    }
  }

  #snapshot(text: string): Snapshot {
    if (this.#last?.text.text !== text)
      this.#last = new Snapshot(FILE, text, { host: this.#host, uri: (file) => file });
    return this.#last;
  }
}

/** Without a disk, an allowance may be for what only a look into the files would raise: none can be called unused. */
const blind: ReadonlySet<string> = new Set(["CTX2401"]);

function look(snapshot: Snapshot): Look {
  const { plan } = snapshot.analysis;
  const findings = (diagnosticsOf(snapshot).get(FILE) ?? []).filter(({ code }) => !blind.has(code));
  const lenses = codeLenses(snapshot);
  // What the line over a stage says needs no saying behind its name.
  const told = new Set(lenses.map(({ range }) => keyOf(range.end)));
  return {
    findings: findings.map((finding) => ({
      ...{ ...finding, fixes: fixesOf(finding, snapshot) },
      ...(finding.code === "CTX2301" && { aside: IMPORTABLE }),
    })),
    hints: inlayHints(snapshot).filter(({ position }) => !told.has(keyOf(position))),
    lenses,
    plan: plan ? renderPlan(plan) : null,
  };
}

const IMPORTABLE =
  'This page has no disk. The recipes that it lists can be imported by their names, such as "quickstart.ctx"; those of your own, in an editor.';

const keyOf = ({ line, character }: Position) => `${line}:${character}`;

/** A pattern of paths, of which `*` and `?` occur here. */
function patternOf(pattern: string): RegExp {
  const letters = pattern.replace(/^\.\//, "").replace(/[.+^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${letters.replaceAll("*", "[^/]*").replaceAll("?", "[^/]")}$`);
}

function fixesOf(finding: EditorDiagnostic, snapshot: Snapshot): Finding["fixes"] {
  const own = (other: EditorDiagnostic) =>
    other.code === finding.code && JSON.stringify(other.range) === JSON.stringify(finding.range);
  return codeActions(snapshot, finding.range, ["quickfix"])
    .filter(({ diagnostics }) => diagnostics?.some(own))
    .flatMap(({ title, edit }) => {
      const edits = edit.changes[FILE];
      return edits ? [{ title, edits }] : [];
    });
}
