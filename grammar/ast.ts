/**
 * The typed tree of a recipe. Every node knows its place as UTF-16 offsets into the text (`start` included, `end`
 * excluded); `SourceText` turns them into lines and characters. The tree is generic: block kinds, property names and
 * function names are plain words here, and the compiler checks them against the language definition.
 *
 * A text with mistakes still gives a whole tree. Where something is missing or unreadable stands a node of kind `error`
 * (for values) or `null` (for names); the mistake itself is in the list of problems, so whoever walks the tree passes over
 * these without a word.
 */

/** Half-open interval of UTF-16 offsets. */
export interface Span {
  start: number;
  end: number;
}

/** The whole text. */
export interface FileNode extends Span {
  kind: "file";
  /** In the order of the text. */
  body: Statement[];
  /** Every comment, in the order of the text; they are no part of `body`. */
  comments: Comment[];
}

/** From `#` to the end of the line. */
export interface Comment extends Span {
  /** Without the `#` and the blanks around. */
  text: string;
  /** Nothing but blanks before it on its line. */
  ownLine: boolean;
}

/** What a file or a block consists of. */
export type Statement =
  | VersionNode
  | RecipeNode
  | ImportNode
  | ParamNode
  | LetNode
  | RequireNode
  | PropertyNode
  | BlockNode
  | AssertionNode;

/** `ctx 1` */
export interface VersionNode extends Span {
  kind: "version";
  value: NumberNode | null;
}

/** `recipe NAME` */
export interface RecipeNode extends Span {
  kind: "recipe";
  name: NameNode | null;
}

/** `import "file.ctx"` */
export interface ImportNode extends Span {
  kind: "import";
  path: TextNode | null;
}

/** `param name = default`: settable from the command line. */
export interface ParamNode extends Span {
  kind: "param";
  name: NameNode | null;
  value: Expression;
}

/** `let name = expression` */
export interface LetNode extends Span {
  kind: "let";
  name: NameNode | null;
  value: Expression;
}

/** `require expression "why"`: must be true when the recipe is compiled. */
export interface RequireNode extends Span {
  kind: "require";
  condition: Expression;
  reason: TextNode | null;
}

/** `name = expression` */
export interface PropertyNode extends Span {
  kind: "property";
  name: NameNode;
  value: Expression;
}

/** `type label { … }` */
export interface BlockNode extends Span {
  kind: "block";
  /** The block's kind: `stage`, `data`, … */
  type: NameNode;
  label: NameNode | null;
  /** The opening brace. */
  open: Span;
  /** The closing brace; null when there is none. */
  close: Span | null;
  body: Statement[];
}

/** A bare expression, such as `needle >= 95%` in a gate. */
export interface AssertionNode extends Span {
  kind: "assertion";
  expression: Expression;
}

/** A value, or what gives one. */
export type Expression =
  | NumberNode
  | TextNode
  | FlagNode
  | NameNode
  | MemberNode
  | CallNode
  | ListNode
  | MapNode
  | RangeNode
  | UnaryNode
  | BinaryNode
  | ConditionalNode
  | GroupNode
  | ErrorNode;

/** `30`, `64Ki`, `10%`, `80GiB`, `2h` */
export interface NumberNode extends Span {
  kind: "number";
  /** With the unit applied: `64Ki` is 65536, `10%` is 0.1, `80GiB` is bytes, `2h` is seconds. */
  value: number;
  /** The unit as written, or null. `units` (units.ts) tells its dimension. */
  unit: string | null;
}

/** `"…"` */
export interface TextNode extends Span {
  kind: "text";
  /** Between the quotes, escapes resolved. */
  value: string;
}

/** `true`, `false` */
export interface FlagNode extends Span {
  kind: "flag";
  value: boolean;
}

/** A bare word: a variable, a choice such as `zigzag`, a block's kind, a property's or function's name. */
export interface NameNode extends Span {
  kind: "name";
  name: string;
}

/** `object.property` */
export interface MemberNode extends Span {
  kind: "member";
  object: Expression;
  property: NameNode;
}

/** `callee(arguments)` */
export interface CallNode extends Span {
  kind: "call";
  callee: NameNode | MemberNode;
  arguments: Argument[];
}

/** `value` or `name: value` */
export interface Argument extends Span {
  name: NameNode | null;
  value: Expression;
}

/** `[a, b]` */
export interface ListNode extends Span {
  kind: "list";
  items: Expression[];
}

/** `{ key: value }` */
export interface MapNode extends Span {
  kind: "map";
  entries: MapEntry[];
}

export interface MapEntry extends Span {
  key: NameNode | TextNode;
  value: Expression;
}

/** `4Ki..1Mi x2` (each bound times the factor) or `0%..100% +10%` (each bound plus the step); both ends belong to it. */
export interface RangeNode extends Span {
  kind: "range";
  from: Expression;
  to: Expression;
  /** Null when the recipe gives none. */
  step: RangeStep | null;
}

export interface RangeStep extends Span {
  by: "factor" | "sum";
  value: Expression;
}

/** A sign before one operand. */
export type UnaryOperator = "-" | "+" | "not";

export interface UnaryNode extends Span {
  kind: "unary";
  operator: UnaryOperator;
  operand: Expression;
}

/** A sign between two operands. */
export type BinaryOperator = "+" | "-" | "*" | "/" | "^" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "and" | "or";

export interface BinaryNode extends Span {
  kind: "binary";
  operator: BinaryOperator;
  left: Expression;
  right: Expression;
}

/** `if condition then consequent else alternative` */
export interface ConditionalNode extends Span {
  kind: "if";
  condition: Expression;
  consequent: Expression;
  alternative: Expression;
}

/** `( … )` */
export interface GroupNode extends Span {
  kind: "group";
  inner: Expression;
}

/** A value that is missing or unreadable; the reason is among the problems. */
export interface ErrorNode extends Span {
  kind: "error";
}

/** Any node that carries a `kind`. */
export type Node = FileNode | Statement | Expression;
