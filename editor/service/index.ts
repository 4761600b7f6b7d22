/** The language service: what an editor asks of a recipe, answered from one immutable snapshot. Runs in Node and in browsers. */
export { codeActions } from "./code_actions.ts";
export { codeLenses } from "./code_lens.ts";
export { completionsAt } from "./completion.ts";
export { definitionAt, highlightsAt, referencesAt } from "./definition.ts";
export { diagnosticsOf, earlyDiagnostics } from "./diagnostics.ts";
export { foldingRanges } from "./folding.ts";
export { formattingEdits } from "./formatting.ts";
export { hoverAt } from "./hover.ts";
export { inlayHints } from "./inlay_hints.ts";
export type * from "./protocol.ts";
export { prepareRename, type Refusal, rename } from "./rename.ts";
export { semanticTokens, tokenModifiers, tokenTypes } from "./semantic_tokens.ts";
export { signatureHelpAt } from "./signature_help.ts";
export { rememberingParse, Snapshot, type Workspace } from "./snapshot.ts";
export { documentSymbols } from "./symbols.ts";
