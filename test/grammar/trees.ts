/** Random recipes as text, for property tests: whatever the grammar allows, however it is laid out. */
import fc from "fast-check";

const word = fc.stringMatching(/^[a-wyz][a-z0-9_]{0,8}$/).filter((name) => !keywords.has(name));
const keywords = new Set([
  "and",
  "or",
  "not",
  "if",
  "then",
  "else",
  "true",
  "false",
  "ctx",
  "recipe",
  "import",
  "param",
  "let",
  "require",
]);

const number = fc.oneof(
  fc.nat(100_000).map(String),
  fc.constantFrom("2e-5", "1_000", "0.95", "64Ki", "1Mi", "1.5B", "10%", "80GiB", "90s", "2h"),
);

const text = fc.string({ maxLength: 12 }).map((value) => JSON.stringify(value));

/** Blanks that may stand between any two tokens. */
const blank = fc.constantFrom(" ", "  ", "\t");
/** Between two tokens inside brackets. */
const wide = fc.constantFrom(" ", "  ", "\n", "\n   ", " # why\n");

function join(separator: string, parts: string[], space: string): string {
  return parts.join(`${separator}${space}`);
}

const expression: fc.Memo<string> = fc.memo((depth) => {
  if (depth <= 1) return fc.oneof(number, text, word, fc.constantFrom("true", "false"));
  const inner = expression(depth - 1);
  const several = fc.array(inner, { maxLength: 3 });
  return fc.oneof(
    expression(1),
    fc
      .tuple(inner, fc.constantFrom("+", "-", "*", "/", "^"), inner, blank)
      .map(([a, operator, b, space]) => `(${a})${space}${operator}${space}(${b})`),
    fc.tuple(inner, fc.constantFrom("==", "<", ">="), inner).map(([a, operator, b]) => `((${a})${operator}(${b}))`),
    fc.tuple(inner, fc.constantFrom("and", "or"), inner).map(([a, operator, b]) => `(${a}) ${operator} (${b})`),
    fc.tuple(fc.constantFrom("-", "not "), inner).map(([sign, a]) => `(${sign}(${a}))`),
    fc.tuple(several, wide).map(([items, space]) => `[${space}${join(",", items, space)}]`),
    fc.tuple(word, fc.array(fc.tuple(word, inner), { maxLength: 3 }), wide).map(
      ([name, list, space]) =>
        `${name}(${join(
          ",",
          list.map(([key, value]) => `${key}: ${value}`),
          space,
        )})`,
    ),
    fc.tuple(fc.array(fc.tuple(word, inner), { minLength: 1, maxLength: 3 }), wide).map(
      ([list, space]) =>
        `{${space}${join(
          ",",
          list.map(([key, value]) => `${key}:${value}`),
          space,
        )} }`,
    ),
    fc.tuple(inner, inner, inner).map(([a, b, c]) => `(if ${a} then ${b} else ${c})`),
    fc.tuple(word, word).map(([a, b]) => `${a}.${b}`),
    fc.tuple(number, number, fc.constantFrom("", " x2", " +10%", "+ 1")).map(([a, b, step]) => `${a} .. ${b}${step}`),
  );
});

const property = fc.tuple(word, blank, expression(3)).map(([name, space, value]) => `${name}${space}=${space}${value}`);

/** Between two statements. */
const lineEnd = fc.constantFrom("\n", "\n\n", "\n\n\n", " # note\n", "\n# own line\n", "  ");

const statement: fc.Memo<string> = fc.memo((depth) => {
  if (depth <= 1) return property;
  return fc.oneof(
    property,
    fc
      .tuple(word, fc.option(word), fc.array(fc.tuple(statement(depth - 1), lineEnd), { maxLength: 4 }), lineEnd)
      .map(([kind, label, body, first]) => {
        const head = label === null ? kind : `${kind} ${label}`;
        return `${head} {${first}${body.map(([inner, end]) => inner + end).join("")}}`;
      }),
  );
});

export const recipe = fc
  .array(fc.tuple(statement(3), lineEnd), { maxLength: 6 })
  .map((parts) => parts.map(([part, end]) => part + end).join(""));
