/** The TextMate grammar, for editors that colour by patterns: the syntax by hand, the vocabulary from the definition. */
import type { LanguageDefinition } from "../definition.ts";
import { units } from "../units.ts";
import { notice } from "./write_table.ts";

/** The module's text: JSON with the scopes that common themes know. */
export function writeTextMate(language: LanguageDefinition): string {
  const functions = Object.values(language.functions).flatMap((set) => Object.keys(set));
  const kinds = [...new Set(Object.values(language.blocks).flatMap((block) => Object.keys(block.children)))];
  const blocks = [...new Set([...Object.keys(language.root.children), ...kinds])];
  const names = [...new Set(Object.keys(language.variables).map((path) => path.split(".")[0]!))];
  const variables = names.filter((name) => /^\w+$/.test(name));
  const suffixes = Object.keys(units).filter((suffix) => suffix !== "%");
  const grammar = {
    information_for_contributors: [notice],
    name: "ctx",
    scopeName: "source.ctx",
    fileTypes: ["ctx"],
    patterns: [
      "comment",
      "text",
      "statement",
      "block",
      "property",
      "argument",
      "number",
      "call",
      "word",
      "operator",
    ].map((name) => ({ include: `#${name}` })),
    repository: {
      comment: { name: "comment.line.number-sign.ctx", match: "#.*$" },
      text: {
        name: "string.quoted.double.ctx",
        begin: '"',
        end: '"|$',
        patterns: [{ name: "constant.character.escape.ctx", match: '\\\\(?:["\\\\ntr]|u[0-9a-fA-F]{4})' }],
      },
      statement: {
        match: "^\\s*(ctx|recipe|import|param|let|require)\\b(?!\\s*[={:])(?:\\s+([A-Za-z_]\\w*))?",
        captures: { 1: { name: "keyword.control.ctx" }, 2: { name: "entity.name.ctx" } },
      },
      block: {
        match: `\\b(${alternatives(blocks)})\\b(?:\\s+([A-Za-z_]\\w*))?(?=\\s*\\{)`,
        captures: { 1: { name: "entity.name.type.ctx" }, 2: { name: "entity.name.ctx" } },
      },
      property: { name: "variable.other.property.ctx", match: "\\b[A-Za-z_]\\w*(?=\\s*=(?!=))" },
      argument: { name: "variable.parameter.ctx", match: "\\b[A-Za-z_]\\w*(?=\\s*:)" },
      number: {
        match: `\\b(\\d[\\d_]*(?:\\.\\d[\\d_]*)?(?:[eE][+-]?\\d+)?)(%|(?:${alternatives(suffixes)})\\b)?|\\b(x)(\\d+(?:\\.\\d+)?)\\b`,
        captures: {
          1: { name: "constant.numeric.ctx" },
          2: { name: "keyword.other.unit.ctx" },
          3: { name: "keyword.operator.ctx" },
          4: { name: "constant.numeric.ctx" },
        },
      },
      call: {
        match: `\\b(${alternatives(functions)})\\b(?=\\s*\\()`,
        captures: { 1: { name: "support.function.ctx" } },
      },
      word: {
        patterns: [
          { name: "constant.language.ctx", match: "\\b(?:true|false)\\b" },
          { name: "keyword.control.ctx", match: "\\b(?:if|then|else)\\b" },
          { name: "keyword.operator.word.ctx", match: "\\b(?:and|or|not)\\b" },
          { name: "variable.language.ctx", match: `(?<!\\.)\\b(?:${alternatives(variables)})\\b` },
        ],
      },
      operator: { name: "keyword.operator.ctx", match: "\\.\\.|[=!<>]=|[-+*/^<>=]" },
    },
  };
  return `${JSON.stringify(grammar, null, 2)}\n`;
}

/** Longest first, so that `KiB` is not read as `Ki`. */
function alternatives(words: string[]): string {
  return [...new Set(words)].sort((a, b) => b.length - a.length || (a < b ? -1 : 1)).join("|");
}
