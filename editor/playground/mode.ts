import {
  HighlightStyle,
  indentService,
  StreamLanguage,
  type StringStream,
  syntaxHighlighting,
} from "@codemirror/language";
import { tags } from "@lezer/highlight";

/** Words of the language, put in from its definition when the page is built. */
declare const VOCABULARY: {
  readonly blocks: readonly string[];
  readonly functions: readonly string[];
  readonly variables: readonly string[];
};

const blocks = new Set(VOCABULARY.blocks);
const functions = new Set(VOCABULARY.functions);
const variables = new Set(VOCABULARY.variables);
const statements = new Set(["ctx", "recipe", "import", "param", "let", "require"]);
const words = new Set(["if", "then", "else", "and", "or", "not"]);

/** Colours for recipes, as the TextMate grammar gives them. */
const mode = StreamLanguage.define<null>({
  name: "ctx",
  startState: () => null,
  token(stream) {
    if (stream.eatSpace()) return null;
    if (stream.match(/^#.*/)) return "comment";
    if (stream.match(/^"(?:[^"\\]|\\.)*"?/)) return "string";
    if (stream.match(/^\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d+)?[A-Za-z%]*/)) return "number";
    const word = stream.match(/^[A-Za-z_]\w*/) as RegExpMatchArray | null;
    if (word) return kindOf(word[0], stream);
    stream.next();
    return null;
  },
  languageData: {
    commentTokens: { line: "#" },
    closeBrackets: { brackets: ["(", "[", "{", '"'] },
    indentOnInput: /^\s*[}\])]$/,
  },
});

function kindOf(word: string, stream: StringStream): string | null {
  const rest = stream.string.slice(stream.pos);
  const first = stream.string.slice(0, stream.start).trim() === "";
  if (/^\s*=(?!=)/.test(rest) || /^\s*:/.test(rest)) return "propertyName";
  if (first && statements.has(word)) return "keyword";
  if (blocks.has(word) && /^(?:\s+[A-Za-z_]\w*)?\s*\{/.test(rest)) return "typeName";
  if (words.has(word)) return "keyword";
  if (word === "true" || word === "false") return "bool";
  if (functions.has(word) && /^\s*\(/.test(rest)) return "macroName";
  return variables.has(word) ? "variableName.special" : "variableName";
}

const colours = HighlightStyle.define([
  { tag: tags.comment, class: "t-comment" },
  { tag: tags.string, class: "t-string" },
  { tag: [tags.number, tags.bool], class: "t-number" },
  { tag: tags.keyword, class: "t-keyword" },
  { tag: tags.typeName, class: "t-block" },
  { tag: tags.macroName, class: "t-function" },
  { tag: tags.propertyName, class: "t-property" },
  { tag: tags.special(tags.variableName), class: "t-known" },
]);

/** As far in as the line before, a step deeper behind an opening bracket, a step back before a closing one. */
const indentation = indentService.of((context, position) => {
  const { state, unit } = context;
  const line = state.doc.lineAt(position);
  const before = context.simulatedBreak === position ? line : line.number > 1 ? state.doc.line(line.number - 1) : null;
  if (!before) return 0;
  const opens = /[{[(]\s*(?:#.*)?$/.test(before === line ? line.text.slice(0, position - line.from) : before.text);
  const closes = /^\s*[}\])]/.test(context.textAfterPos(position));
  return Math.max(0, context.lineIndent(before.from, -1) + (opens ? unit : 0) - (closes ? unit : 0));
});

export const recipeMode = [mode, syntaxHighlighting(colours), indentation];
