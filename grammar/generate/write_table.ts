/** The language definition as a TypeScript module: what checker, completion, hover and signature help import. */
import type { LanguageDefinition } from "../definition.ts";

export const notice = "Generated from grammar/language by `npm run generate`; do not edit.";

export function writeTable(language: LanguageDefinition): string {
  const json = JSON.stringify(language, null, 2);
  return `// ${notice}
import type { LanguageDefinition } from "../definition.ts";

/** Every block, property, function and name of the language, with types, defaults and documentation. */
export const language: LanguageDefinition = ${json};
`;
}
