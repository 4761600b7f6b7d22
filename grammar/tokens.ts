/**
 * Words of the language. The vocabulary of recipes (block kinds, properties, functions) is not here: those are plain
 * names. Spellings that other languages use are tokens too, so that they can be understood and reported once.
 */
import { createToken, Lexer, type TokenType } from "chevrotain";

function category(name: string): TokenType {
  return createToken({ name, pattern: Lexer.NA });
}

/** Any word that can name something. */
export const Name = category("Name");
/** What joins two operands. */
export const Infix = category("Infix");
/** What stands before one operand. */
export const Prefix = category("Prefix");
export const Flag = category("Flag");
/** Text in any quotes, closed or not. */
export const AnyText = category("AnyText");
/** What cannot begin a statement. */
export const Stray = category("Stray");

export const Newline = createToken({ name: "Newline", pattern: /\r\n|\n|\r/, line_breaks: true });
const Blank = createToken({ name: "Blank", pattern: /[ \t\f\v\u00a0\ufeff]+/, group: Lexer.SKIPPED });
export const Remark = createToken({ name: "Remark", pattern: /#[^\r\n]*/, group: "comments" });
/** `// …`, another language's comment. */
export const SlashRemark = createToken({ name: "SlashRemark", pattern: /\/\/[^\r\n]*/, group: "comments" });

export const Identifier = createToken({ name: "Identifier", pattern: /[A-Za-z_][A-Za-z0-9_]*/, categories: [Name] });

function word(name: string, text: string, categories: TokenType[]): TokenType {
  return createToken({
    name,
    pattern: new RegExp(text),
    longer_alt: Identifier,
    categories,
    start_chars_hint: [text[0]!], // Chevrotain would take the expression apart to find it, at every start
  });
}

// Keywords of statements are names everywhere but at the start of a statement (see lines.ts).
export const Ctx = word("Ctx", "ctx", [Name]);
export const Recipe = word("Recipe", "recipe", [Name]);
export const Import = word("Import", "import", [Name]);
export const Param = word("Param", "param", [Name]);
export const Let = word("Let", "let", [Name]);
export const Require = word("Require", "require", [Name]);
export const keywords: ReadonlySet<TokenType> = new Set([Ctx, Recipe, Import, Param, Let, Require]);
/** `x2`, the step of a geometric range; a name elsewhere. */
export const Factor = createToken({
  name: "Factor",
  pattern: /x\d+(?:\.\d+)?/,
  longer_alt: Identifier,
  categories: [Name],
});

export const And = word("And", "and", [Infix, Stray]);
export const Or = word("Or", "or", [Infix, Stray]);
export const Not = word("Not", "not", [Prefix, Stray]);
export const If = word("If", "if", [Stray]);
export const Then = word("Then", "then", [Stray]);
export const Else = word("Else", "else", [Stray]);
export const True = word("True", "true", [Flag, Stray]);
export const False = word("False", "false", [Flag, Stray]);

/**
 * Digits, fraction, exponent, unit. An exponent needs its digits, so `2e` is 2 with the unknown unit `e`. More fractions than
 * one and stray underscores are read too, so that they can be reported.
 */
export const NumberLiteral = createToken({
  name: "NumberLiteral",
  pattern: /\d[\d_]*(?:\.\d[\d_]*)*(?:[eE][+-]?\d+)?(?:%|[A-Za-z_][A-Za-z0-9_]*)?/,
  categories: [Stray],
});
export const Text = createToken({
  name: "Text",
  pattern: /"[^"\\\r\n]*(?:\\[^\r\n][^"\\\r\n]*)*"/,
  categories: [AnyText, Stray],
});
/** A text whose line ends before its closing quote. */
export const OpenText = createToken({
  name: "OpenText",
  pattern: /"[^"\\\r\n]*(?:\\[^\r\n][^"\\\r\n]*)*\\?/,
  categories: [AnyText, Stray],
});
/** `'…'` or `“…”`, other quotes. */
export const OtherText = createToken({
  name: "OtherText",
  pattern: /'[^'\r\n]*'|[\u201c\u201d\u201e][^\u201c\u201d"\r\n]*[\u201c\u201d"]/,
  categories: [AnyText, Stray],
});

/** Characters that the language does not use. */
export const Unknown = createToken({
  name: "Unknown",
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are among the characters to report
  pattern: /[?@$~;`&|\\'%\u0000-\u0008\u000e-\u001f\u007f-\u009f\u00a1-\ufefe\uff00-\uffff]+/,
  group: "unknown",
});

function sign(name: string, text: string, categories: TokenType[] = [Stray]): TokenType {
  return createToken({ name, pattern: text, categories });
}

export const LCurly = createToken({ name: "LCurly", pattern: "{" });
export const RCurly = createToken({ name: "RCurly", pattern: "}" });
export const LParen = sign("LParen", "(");
export const RParen = sign("RParen", ")");
export const LSquare = sign("LSquare", "[");
export const RSquare = sign("RSquare", "]");
export const Comma = createToken({ name: "Comma", pattern: "," });
export const Colon = sign("Colon", ":");
export const Range = sign("Range", "..", [Infix, Stray]);
export const Dot = sign("Dot", ".");
export const Equal = sign("Equal", "==", [Infix, Stray]);
export const NotEqual = sign("NotEqual", "!=", [Infix, Stray]);
export const LessEqual = sign("LessEqual", "<=", [Infix, Stray]);
export const GreaterEqual = sign("GreaterEqual", ">=", [Infix, Stray]);
export const Less = sign("Less", "<", [Infix, Stray]);
export const Greater = sign("Greater", ">", [Infix, Stray]);
export const Equals = sign("Equals", "=");
export const Plus = sign("Plus", "+", [Infix, Prefix, Stray]);
export const Minus = sign("Minus", "-", [Infix, Prefix, Stray]);
/** `**` for `^`, `&&` for `and`, `||` for `or`, `!` for `not`: other languages' operators. */
export const OtherPower = sign("OtherPower", "**", [Infix, Stray]);
export const OtherAnd = sign("OtherAnd", "&&", [Infix, Stray]);
export const OtherOr = sign("OtherOr", "||", [Infix, Stray]);
export const OtherNot = sign("OtherNot", "!", [Prefix, Stray]);
export const Star = sign("Star", "*", [Infix, Stray]);
export const Slash = sign("Slash", "/", [Infix, Stray]);
export const Caret = sign("Caret", "^", [Infix, Stray]);

/** Other languages' spellings and ours. */
export const spellings: { readonly [found: string]: string } = { "**": "^", "&&": "and", "||": "or", "!": "not" };

/** In the order in which the lexer tries them. */
export const vocabulary: TokenType[] = [
  Blank,
  Newline,
  Remark,
  SlashRemark,
  Ctx,
  Recipe,
  Import,
  Param,
  Let,
  Require,
  And,
  Or,
  Not,
  If,
  Then,
  Else,
  True,
  False,
  Factor,
  Identifier,
  NumberLiteral,
  Text,
  OpenText,
  OtherText,
  LCurly,
  RCurly,
  LParen,
  RParen,
  LSquare,
  RSquare,
  Comma,
  Colon,
  Range,
  Dot,
  Equal,
  NotEqual,
  LessEqual,
  GreaterEqual,
  Less,
  Greater,
  Equals,
  Plus,
  Minus,
  OtherPower,
  OtherAnd,
  OtherOr,
  OtherNot,
  Star,
  Slash,
  Caret,
  Unknown,
  Name,
  Infix,
  Prefix,
  Flag,
  AnyText,
  Stray,
];

/**
 * Gives offsets only: `SourceText` knows the lines. Every character belongs to some token, so there are no errors. `validate`
 * makes Chevrotain prove the vocabulary sound; a test does that, users need not wait for it.
 */
export function makeLexer({ validate }: { validate: boolean }): Lexer {
  return new Lexer(vocabulary, {
    positionTracking: "onlyOffset",
    ensureOptimizations: true,
    skipValidations: !validate,
  });
}

export const lexer = makeLexer({ validate: false });
