/**
 * The generic syntax of recipes, LL(1), with Chevrotain: statements here, values in expressions.ts. Block kinds and property
 * names are plain names, so the grammar never grows with the vocabulary.
 *
 * How a broken text still gives a whole tree:
 * - The grammar is total: every sequence of tokens is a file. Mistakes are part of it, accepted and reported, so Chevrotain's own
 *   recovery stays off (it would cost a third of the start-up). A test feeds it random tokens.
 * - Should a rule fail all the same, what was read so far survives: each node is pushed into its parent before its parts.
 * - braces.ts and lines.ts have already seen to it that an unclosed bracket ends where the next statement begins.
 *
 * What rules choose among is made once for each parser, as Chevrotain advises, and not anew for each statement: hence fields such
 * as `statements` beside the rules, and hence the block at hand is a field (`parent`) and no argument. Rules of statements call each
 * other, and the gates between them look ahead as fields of the same object: they are one file, if a long one.
 */
import { type IToken, tokenMatcher } from "chevrotain";
import type {
  AssertionNode,
  BlockNode,
  Expression,
  FileNode,
  ImportNode,
  LetNode,
  NameNode,
  ParamNode,
  PropertyNode,
  RecipeNode,
  RequireNode,
  Statement,
  VersionNode,
} from "./ast.ts";
import { isMissing } from "./braces.ts";
import { startsExpression } from "./brackets.ts";
import { ExpressionParser } from "./expressions.ts";
import { endOf, groupedDigits, nameNode, numberNode, spanOf, textNode } from "./literals.ts";
import type { SyntaxProblem } from "./problems.ts";
import { type Alternatives, isReal } from "./reporting.ts";
import * as t from "./tokens.ts";

/** What a statement is in. */
type Parent = FileNode | BlockNode;

export class RecipeParser extends ExpressionParser {
  private file: FileNode = { kind: "file", start: 0, end: 0, body: [], comments: [] };
  /** What takes the statements that are being read. */
  private parent: Parent = this.file;

  /** `validate` makes Chevrotain prove the grammar sound; a test does that, users need not wait for it. */
  constructor(options: { validate: boolean } = { validate: false }) {
    super(options);
    this.performSelfAnalysis();
  }

  /** Parses tokens from `foldLines`. The problems come in no order, and may be several for one line. */
  parseTokens(tokens: IToken[], length: number): { file: FileNode; problems: SyntaxProblem[] } {
    this.begin(tokens);
    this.file = { kind: "file", start: 0, end: length, body: [], comments: [] };
    this.parent = this.file;
    this.wholeFile();
    // None while the grammar is total.
    for (const error of this.errors) {
      const span = isReal(error.token) ? spanOf(error.token) : { start: length, end: length };
      this.report("CTX1001", { found: error.token.image }, span);
    }
    return { file: this.file, problems: this.problems };
  }

  private readonly inFile = [
    { ALT: () => this.CONSUME(t.Newline) },
    { ALT: () => this.SUBRULE(this.extraBrace) },
    { ALT: () => this.SUBRULE(this.statement) },
  ];

  private readonly wholeFile = this.RULE(
    "wholeFile",
    (): FileNode => {
      this.MANY(() => this.OR<unknown>(this.inFile));
      return this.file;
    },
    { recoveryValueFunc: () => this.file },
  );

  private readonly extraBrace = this.RULE("extraBrace", () => {
    const brace = this.CONSUME(t.RCurly);
    this.ACTION(() => this.pushProblem(extraBrace(brace)));
  });

  private readonly statements = {
    DEF: [
      // Keywords before names: they are names too.
      { ALT: () => this.SUBRULE(this.version) },
      { ALT: () => this.SUBRULE(this.recipe) },
      { ALT: () => this.SUBRULE(this.imported) },
      { ALT: () => this.SUBRULE(this.definition) },
      { ALT: () => this.SUBRULE(this.requirement) },
      { ALT: () => this.SUBRULE(this.bareBlock) },
      { ALT: () => this.SUBRULE(this.strayComma) },
      { ALT: () => this.SUBRULE(this.junk) },
      // Last: a value may be empty, so for Chevrotain a bare expression could begin with anything.
      { ALT: () => this.SUBRULE(this.worded) },
    ],
    IGNORE_AMBIGUITIES: true,
  };

  private readonly statement = this.RULE("statement", () => {
    this.OR(this.statements);
  });

  private readonly words: Alternatives<unknown> = {
    DEF: [
      { GATE: () => this.atAssertion(), ALT: () => this.SUBRULE(this.assertion) },
      { ALT: () => this.SUBRULE(this.named) },
    ],
    IGNORE_AMBIGUITIES: true,
  };

  private readonly worded = this.RULE("worded", () => {
    this.choose(this.words);
  });

  /** A name that goes on as an expression: `needle >= 95%`, `model.heads`, `f(x)`. */
  private atAssertion(): boolean {
    if (!tokenMatcher(this.LA(1), t.Name)) return false;
    const next = this.LA(2);
    return next.tokenType === t.Dot || next.tokenType === t.LParen || tokenMatcher(next, t.Infix);
  }

  // ---------------------------------------------------------------- keywords

  private readonly version = this.RULE("version", () => {
    const keyword = this.CONSUME(t.Ctx);
    const node: VersionNode = { kind: "version", value: null, ...spanOf(keyword) };
    this.ACTION(() => this.open(keyword, node));
    let number: IToken | undefined;
    this.OPTION(() => {
      number = this.CONSUME(t.NumberLiteral);
    });
    this.ACTION(() => {
      this.finish(node);
      if (!number) return this.expected(keyword, "number");
      const value = numberNode(number, this.pushProblem);
      if (value.kind === "number") node.value = value;
    });
  });

  private readonly recipe = this.RULE("recipe", () => {
    const keyword = this.CONSUME(t.Recipe);
    const node: RecipeNode = { kind: "recipe", name: null, ...spanOf(keyword) };
    this.ACTION(() => this.open(keyword, node));
    let name: IToken | undefined;
    this.OPTION({
      GATE: () => !this.atStatement(),
      DEF: () => {
        name = this.CONSUME(t.Name);
      },
    });
    this.ACTION(() => {
      this.finish(node);
      if (name) node.name = nameNode(name);
      else this.expected(keyword, "name");
    });
  });

  private readonly imported = this.RULE("imported", () => {
    const keyword = this.CONSUME(t.Import);
    const node: ImportNode = { kind: "import", path: null, ...spanOf(keyword) };
    this.ACTION(() => this.open(keyword, node));
    let path: IToken | undefined;
    this.OPTION(() => {
      path = this.CONSUME(t.AnyText);
    });
    this.ACTION(() => {
      this.finish(node);
      if (path) node.path = textNode(path, this.pushProblem);
      else this.expected(keyword, "text");
    });
  });

  private readonly definers = [{ ALT: () => this.CONSUME(t.Param) }, { ALT: () => this.CONSUME(t.Let) }];

  /** `param name = value` and `let name = value`. */
  private readonly definition = this.RULE("definition", () => {
    const keyword = this.OR(this.definers);
    const node = this.ACTION((): ParamNode | LetNode => {
      const kind = keyword.tokenType === t.Param ? "param" : "let";
      return { kind, name: null, value: this.errorHere(), ...spanOf(keyword) };
    });
    this.ACTION(() => this.open(keyword, node));
    this.OPTION(() => {
      const name = this.CONSUME(t.Name);
      this.ACTION(() => {
        node.name = nameNode(name);
      });
      const value = this.SUBRULE(this.assigned);
      this.ACTION(() => {
        node.value = value;
      });
    });
    this.ACTION(() => {
      this.finish(node);
      if (!node.name) this.expected(keyword, "name");
    });
  });

  private readonly requirement = this.RULE("requirement", () => {
    const keyword = this.CONSUME(t.Require);
    const node: RequireNode = { kind: "require", condition: this.errorHere(), reason: null, ...spanOf(keyword) };
    this.ACTION(() => this.open(keyword, node));
    const condition = this.SUBRULE(this.expression);
    this.ACTION(() => {
      node.condition = condition;
    });
    let reason: IToken | undefined;
    this.OPTION(() => {
      reason = this.CONSUME(t.AnyText);
    });
    this.ACTION(() => {
      if (reason) node.reason = textNode(reason, this.pushProblem);
      this.finish(node);
    });
  });

  /** Pushes a top-level statement into its parent; inside a block it is reported, and kept. */
  private open(keyword: IToken, node: Statement): void {
    if (this.parent.kind === "block") this.report("CTX1017", { keyword: keyword.image }, spanOf(keyword));
    this.parent.body.push(node);
  }

  // ---------------------------------------------------------------- properties and blocks

  private readonly assertion = this.RULE("assertion", () => {
    const { start, end } = spanOf(this.LA(1));
    const node: AssertionNode = { kind: "assertion", expression: { kind: "error", start, end }, start, end };
    this.ACTION(() => this.parent.body.push(node));
    const expression = this.SUBRULE(this.expression);
    this.ACTION(() => {
      node.expression = expression;
      this.finish(node);
    });
  });

  private readonly afterName: Alternatives<unknown> = {
    DEF: [
      { GATE: () => this.atBlock(), ALT: () => this.SUBRULE(this.block) },
      { GATE: () => this.atBlockBody(), ALT: () => this.SUBRULE(this.assignedBlock) },
      { GATE: () => this.atValue(), ALT: () => this.SUBRULE(this.property) },
      { ALT: () => this.ACTION(() => this.report("CTX1007", { name: this.LA(0).image }, spanOf(this.LA(0)))) },
    ],
    IGNORE_AMBIGUITIES: true,
  };

  /** Whatever begins with a name: a property or a block, whole or not. */
  private readonly named = this.RULE("named", () => {
    this.CONSUME(t.Name);
    this.choose(this.afterName);
  });

  /** After a name: `{`, or a label and `{`. */
  private atBlock(): boolean {
    const token = this.LA(1);
    if (token.tokenType === t.LCurly) return true;
    const label = tokenMatcher(token, t.Name) || token.tokenType === t.NumberLiteral || token.tokenType === t.Text;
    return label && this.LA(2).tokenType === t.LCurly;
  }

  /** After a name: `= {`, and what is in the brace are properties or blocks, not the entries of a map. */
  private atBlockBody(): boolean {
    if (this.LA(1).tokenType !== t.Equals || this.LA(2).tokenType !== t.LCurly) return false;
    let ahead = 3;
    while (this.LA(ahead).tokenType === t.Newline) ahead++;
    return this.atStatement(ahead);
  }

  /** After a name: `= …`, `: …`, or a value whose `=` was forgotten. */
  private atValue(): boolean {
    const { tokenType } = this.LA(1);
    if (tokenType === t.Equals || tokenType === t.Colon) return true;
    if (!tokenMatcher(this.LA(1), t.Name)) return startsExpression(this.LA(1));
    return !this.atStatement() && this.LA(2).tokenType !== t.Colon && !tokenMatcher(this.LA(2), t.Name);
  }

  private readonly property = this.RULE("property", () => {
    const name = nameNode(this.LA(0));
    const { start, end } = name;
    const node: PropertyNode = { kind: "property", name, value: { kind: "error", start: end, end }, start, end };
    this.parent.body.push(node);
    node.value = this.SUBRULE(this.assigned);
    this.finish(node);
  });

  private readonly signs = [{ ALT: () => this.CONSUME(t.Equals) }, { ALT: () => this.CONSUME(t.Colon) }];

  private readonly sign = () => this.OR(this.signs);

  /** What follows a name that is being set: a sign and a value. */
  private readonly assigned = this.RULE("assigned", (): Expression => {
    const name = this.LA(0);
    const sign = this.optional(this.sign);
    if (!sign) this.missingEquals(name);
    else if (sign.tokenType === t.Colon) this.colonForEquals(name, sign);
    return this.SUBRULE(this.expression);
  });

  private missingEquals(name: IToken): void {
    const span = spanOf(name);
    const edits = [{ start: span.end, end: span.end, text: " =" }];
    this.report("CTX1006", { name: name.image }, span, { title: "insert `=`", safety: "safe", edits });
  }

  private colonForEquals(name: IToken, colon: IToken): void {
    const attached = colon.startOffset === endOf(name);
    this.report("CTX1005", { name: name.image }, spanOf(colon), {
      title: "replace `:` with `=`",
      safety: "safe",
      edits: [{ ...spanOf(colon), text: attached ? " =" : "=" }],
    });
  }

  private readonly labels = [
    { ALT: () => this.CONSUME(t.Name) },
    { ALT: () => this.CONSUME(t.NumberLiteral) },
    { ALT: () => this.CONSUME(t.Text) },
  ];

  private readonly label = () => this.OR(this.labels);

  private readonly block = this.RULE("block", (typeToken: IToken = this.LA(0)) => {
    const type = nameNode(typeToken);
    const { start, end } = type;
    const open = { start: end, end };
    const node: BlockNode = { kind: "block", type, label: null, open, close: null, body: [], start, end };
    this.parent.body.push(node);
    const label = this.optional(this.label);
    if (label && tokenMatcher(label, t.Name)) node.label = nameNode(label);
    else if (label) this.report("CTX1018", { label: label.image }, spanOf(label));
    this.SUBRULE(this.braces, { ARGS: [node] });
    this.finish(node);
  });

  /** `kind = { … }` that is a block by its content. */
  private readonly assignedBlock = this.RULE("assignedBlock", () => {
    const typeToken = this.LA(0);
    const sign = spanOf(this.CONSUME(t.Equals));
    this.ACTION(() => {
      const edits = [{ start: sign.start, end: this.LA(1).startOffset, text: "" }];
      const fix = { title: "remove `=`", safety: "safe" as const, edits };
      this.report("CTX1015", { name: typeToken.image }, sign, fix);
    });
    this.SUBRULE(this.block, { ARGS: [typeToken] });
  });

  /** A brace without a kind before it: what is in it goes to the block around. */
  private readonly bareBlock = this.RULE("bareBlock", () => {
    const node = this.ACTION((): BlockNode => {
      const { parent } = this;
      const open = spanOf(this.LA(1));
      this.report("CTX1001", { found: "{" }, open);
      const none: NameNode = { kind: "name", name: "", start: open.start, end: open.start };
      const type = parent.kind === "block" ? parent.type : none;
      return { kind: "block", type, label: null, open, close: null, body: parent.body, ...open };
    });
    this.SUBRULE(this.braces, { ARGS: [node] });
  });

  private readonly inBraces = [{ ALT: () => this.CONSUME(t.Newline) }, { ALT: () => this.SUBRULE(this.statement) }];

  private readonly line = () => {
    this.OR<unknown>(this.inBraces);
  };

  private readonly closeBrace = () => this.CONSUME(t.RCurly);

  private readonly braces = this.RULE("braces", (node: BlockNode) => {
    const open = this.CONSUME(t.LCurly);
    const around = this.parent;
    if (!this.RECORDING_PHASE) {
      node.open = spanOf(open);
      this.parent = node;
    }
    this.MANY(this.line);
    const close = this.optional(this.closeBrace);
    this.parent = around;
    if (this.RECORDING_PHASE) return;
    if (close && !isMissing(close)) node.close = spanOf(close);
    else this.unclosed("{", node.label ? `${node.type.name} ${node.label.name}` : node.type.name, node.open);
  });

  private readonly strayComma = this.RULE("strayComma", () => {
    const span = spanOf(this.CONSUME(t.Comma));
    const fix = { title: "remove `,`", safety: "safe" as const, edits: [{ ...span, text: "" }] };
    this.ACTION(() => {
      const grouped = groupedDigits((ahead) => this.LA(ahead));
      if (grouped) this.pushProblem(grouped);
      else this.report("CTX1013", {}, span, fix);
    });
  });

  /** Tokens up to where a statement can begin again. */
  private readonly junk = this.RULE("junk", () => {
    const first = this.CONSUME(t.Stray);
    this.MANY({
      GATE: () => !this.atStatement(),
      DEF: () => {
        this.OR([{ ALT: () => this.CONSUME2(t.Stray) }, { ALT: () => this.CONSUME3(t.Name) }]);
      },
    });
    this.ACTION(() => {
      const closes = first.tokenType === t.RParen || first.tokenType === t.RSquare;
      if (closes) this.report("CTX1004", { close: first.image }, spanOf(first));
      else this.report("CTX1001", { found: first.image }, spanOf(first));
    });
  });
}

/** The problem of a `}` that closes nothing. */
export function extraBrace(brace: IToken): SyntaxProblem {
  const span = spanOf(brace);
  const fixes = [{ title: "remove `}`", safety: "review" as const, edits: [{ ...span, text: "" }] }];
  return { code: "CTX1004", parameters: { close: "}" }, ...span, fixes };
}
