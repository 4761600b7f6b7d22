/**
 * What the service answers with: data in the shape of the Language Server Protocol 3.17, of which these are the parts in use.
 * Positions count lines and UTF-16 units from 0.
 */
import type { Position, PositionRange } from "../../grammar/text.ts";

export type { Position };
export type Range = PositionRange;

export interface Location {
  readonly uri: string;
  readonly range: Range;
}

export interface TextEdit {
  readonly range: Range;
  readonly newText: string;
}

export interface WorkspaceEdit {
  readonly changes: { readonly [uri: string]: TextEdit[] };
}

export interface MarkupContent {
  readonly kind: "markdown";
  readonly value: string;
}

export const SEVERITIES = { error: 1, warning: 2, info: 3 } as const;

export interface EditorDiagnostic {
  readonly range: Range;
  readonly severity: 1 | 2 | 3;
  readonly code: string;
  readonly codeDescription?: { readonly href: string };
  readonly source: "ctx";
  readonly message: string;
  /** 1: shown faded, as something without effect. */
  readonly tags?: readonly 1[];
  readonly relatedInformation?: readonly { readonly location: Location; readonly message: string }[];
}

/** Numbers of the protocol's CompletionItemKind. */
export const COMPLETION_KINDS = {
  function: 3,
  field: 5,
  variable: 6,
  struct: 22,
  property: 10,
  value: 12,
  keyword: 14,
  file: 17,
  reference: 18,
  folder: 19,
  enumMember: 20,
  constant: 21,
} as const;

export interface CompletionItem {
  readonly label: string;
  readonly kind: (typeof COMPLETION_KINDS)[keyof typeof COMPLETION_KINDS];
  readonly detail?: string;
  readonly documentation?: MarkupContent;
  readonly sortText?: string;
  readonly preselect?: boolean;
  /** 2: `newText` is a snippet. */
  readonly insertTextFormat?: 1 | 2;
  readonly textEdit: TextEdit;
  readonly filterText?: string;
  /** Asks for the next completions at once: after a folder, behind a dot. */
  readonly command?: { readonly title: string; readonly command: string };
}

export interface Hover {
  readonly contents: MarkupContent;
  readonly range: Range;
}

export interface InlayHint {
  readonly position: Position;
  readonly label: string;
  readonly tooltip?: string;
  readonly paddingLeft: boolean;
}

/** Numbers of the protocol's SymbolKind. */
export const SYMBOL_KINDS = {
  file: 1,
  namespace: 3,
  property: 7,
  event: 24,
  struct: 23,
  constant: 14,
  variable: 13,
} as const;

export interface DocumentSymbol {
  readonly name: string;
  readonly detail?: string;
  readonly kind: (typeof SYMBOL_KINDS)[keyof typeof SYMBOL_KINDS];
  readonly range: Range;
  readonly selectionRange: Range;
  readonly children?: DocumentSymbol[];
}

export interface FoldingRange {
  readonly startLine: number;
  readonly endLine: number;
  readonly kind?: "comment" | "imports";
}

export interface SignatureHelp {
  readonly signatures: readonly {
    readonly label: string;
    readonly documentation?: MarkupContent;
    readonly parameters: readonly {
      /** Where the parameter stands in `label`. */
      readonly label: readonly [number, number];
      readonly documentation?: MarkupContent;
    }[];
  }[];
  readonly activeSignature: number;
  readonly activeParameter: number;
}

export interface CodeAction {
  readonly title: string;
  readonly kind: "quickfix" | "refactor.rewrite" | "source.fixAll.ctx";
  readonly diagnostics?: EditorDiagnostic[];
  readonly isPreferred?: boolean;
  readonly edit: WorkspaceEdit;
}

export interface CodeLens {
  readonly range: Range;
  readonly command: { readonly title: string; readonly command: string };
}
