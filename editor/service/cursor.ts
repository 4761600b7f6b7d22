import { type IToken, tokenMatcher as is } from "chevrotain";
import type { BlockNode, Span } from "../../grammar/ast.ts";
import type {
  BlockDefinition,
  FunctionDefinition,
  PropertyDefinition,
  Reference,
  ValueType,
} from "../../grammar/definition.ts";
import { awaitsOperand } from "../../grammar/lines.ts";
import {
  AnyText,
  Colon,
  Comma,
  Dot,
  Equals,
  Factor,
  Infix,
  keywords,
  LCurly,
  LParen,
  LSquare,
  lexer,
  Name,
  Newline,
  RCurly,
  RParen,
  RSquare,
} from "../../grammar/tokens.ts";
import type { Snapshot } from "./snapshot.ts";
import { alternatives, blocksAt, definitionOf, functionNamed, itemTypes, own, parameterOf } from "./vocabulary.ts";

/** What is to be written where a cursor stands; the text behind it may be anything, and that before it half a word. */
export type Wanted =
  | { readonly kind: "statement" }
  /** `types` null: anything. `first`: nothing of the value stands there yet. */
  | {
      readonly kind: "value";
      readonly types: ValueType[] | null;
      readonly property: PropertyDefinition | undefined;
      readonly first: boolean;
    }
  | {
      readonly kind: "argument";
      readonly call: OpenCall;
      readonly types: ValueType[] | null;
      readonly property: PropertyDefinition | undefined;
    }
  | { readonly kind: "member"; readonly object: string }
  | { readonly kind: "key"; readonly to: Reference | null }
  /** Inside of quotes: `typed` is the text before the cursor. */
  | {
      readonly kind: "text";
      readonly typed: string;
      readonly property: PropertyDefinition | undefined;
      readonly imports: boolean;
    }
  | { readonly kind: "allowance" }
  | { readonly kind: "nothing" };

/** A call whose closing bracket is still to come, seen from the cursor. */
export interface OpenCall {
  readonly name: string;
  readonly definition: FunctionDefinition | undefined;
  /** Names of the arguments so far. */
  readonly given: readonly string[];
  /** Index of the argument at the cursor. */
  readonly index: number;
  /** Its name, if written. */
  readonly argument: string | null;
}

export interface Cursor {
  readonly wanted: Wanted;
  /** What of the text a completion takes the place of. */
  readonly replaced: Span;
  readonly blocks: readonly BlockNode[];
  readonly block: BlockDefinition | undefined;
  /** Calls around the cursor, the innermost last. */
  readonly calls: readonly OpenCall[];
  /** The word of the syntax that the statement begins with, if it does. */
  readonly keyword: string | null;
}

type Frame = { readonly open: IToken; readonly types: ValueType[] | null; readonly keys: Reference | null } & {
  readonly call: {
    name: string;
    definition: FunctionDefinition | undefined;
    given: string[];
    index: number;
    argument: string | null;
  } | null;
  /** Of a map: behind the colon. */
  value: boolean;
};

/** What a cursor stands in, by the tokens before it: the tree has no place for what is not yet written. */
export function cursorAt(snapshot: Snapshot, offset: number): Cursor {
  const { tree, text } = snapshot;
  const { tokens, groups } = lexer.tokenize(text.text);
  const remark = (groups.comments ?? []).find((token) => token.startOffset < offset && offset <= endOf(token));
  const touched = tokens.find((token) => token.startOffset < offset && offset <= endOf(token));
  const inText =
    touched &&
    is(touched, AnyText) &&
    (offset < endOf(touched) || !/^(".*"|'.*')$/s.test(touched.image) || touched.image.length < 2);
  const typing = touched && (is(touched, Name) || /^[A-Za-z]/.test(touched.image)) ? touched : undefined;
  const from = inText ? touched.startOffset : (typing?.startOffset ?? offset);
  const blocks = blocksAt(tree, from);
  const block = definitionOf(blocks);
  const scan = new Scan(block);
  const begin = scanStart(snapshot, blocks, from);
  for (const token of tokens) {
    if (token.startOffset >= from) break;
    if (token.startOffset >= begin) scan.read(token);
  }
  const { keyword } = scan;
  const replaced = { start: from, end: Math.max(offset, typing ? endOf(typing) : from) };
  const cursor = { blocks, block, replaced, calls: scan.calls(), keyword };
  if (remark) {
    const allowance = /^#\s*ctx-allow\s+(\w*)$/.exec(text.text.slice(remark.startOffset, offset));
    const start = offset - (allowance?.[1]?.length ?? 0);
    return {
      ...cursor,
      replaced: { start, end: offset },
      wanted: { kind: allowance ? "allowance" : "nothing" },
      calls: [],
    };
  }
  if (inText) {
    const start = touched.startOffset + 1;
    const end = endOf(touched) - (/["']$/.test(touched.image) && touched.image.length > 1 ? 1 : 0);
    const typed = text.text.slice(start, offset);
    const { property } = scan.expected();
    const wanted: Wanted = { kind: "text", typed, property, imports: keyword === "import" };
    return { ...cursor, replaced: { start, end: Math.max(offset, end) }, wanted };
  }
  const number = touched && !typing && /^\d/.test(touched.image);
  return { ...cursor, wanted: number ? { kind: "nothing" } : scan.wanted() };
}

/** Where the statements begin that the cursor may stand in: behind the last block before it. */
function scanStart({ tree }: Snapshot, blocks: readonly BlockNode[], from: number): number {
  const innermost = blocks.at(-1);
  let start = innermost ? innermost.open.end : 0;
  for (const node of innermost ? innermost.body : tree.body)
    if (node.kind === "block" && node.close && node.end <= from) start = Math.max(start, node.end);
  return start;
}

class Scan {
  /** The word that the statement begins with, where it is one of the syntax. */
  keyword: string | null = null;
  #words = 0;
  #assigned: PropertyDefinition | null | undefined;
  #last: IToken | undefined;
  /** The token before `#last`. */
  #before: IToken | undefined;
  readonly #frames: Frame[] = [];

  constructor(readonly block: BlockDefinition | undefined) {}

  read(token: IToken): void {
    const top = this.#frames.at(-1);
    if (is(token, Newline)) {
      if (top || this.#goesOn()) return;
      this.#begin();
      return;
    }
    // Behind a value stands the next property; `x2` is the step of a range.
    const step = is(token, Factor) && this.#assigned !== undefined;
    if (!top && this.#words > 0 && this.#complete() && is(token, Name) && !step && !this.#heading()) this.#begin();
    if (is(token, LParen)) {
      const called = this.#last && is(this.#last, Name) ? this.#last.image : "";
      const definition = called === "" ? undefined : functionNamed(called, this.expected().types);
      const group = called === "" ? this.expected().types : null;
      this.#frames.push({
        open: token,
        types: group,
        keys: null,
        value: false,
        call: called === "" ? null : { name: called, definition, given: [], index: 0, argument: null },
      });
    } else if (is(token, LSquare)) {
      const { types } = this.expected();
      this.#frames.push({
        open: token,
        types: types && itemTypes(types, "list"),
        keys: null,
        value: false,
        call: null,
      });
    } else if (is(token, LCurly)) {
      const { types } = this.expected();
      const map = types?.find((type) => type.kind === "map");
      this.#frames.push({
        open: token,
        types: types && itemTypes(types, "map"),
        keys: map?.kind === "map" ? map.keys : null,
        value: false,
        call: null,
      });
    } else if (is(token, RParen) || is(token, RSquare) || is(token, RCurly)) this.#frames.pop();
    else if (top && is(token, Comma)) {
      top.value = false;
      if (top.call) {
        top.call.index++;
        top.call.argument = null;
      }
    } else if (!top && is(token, Comma)) this.#begin();
    else if (top && is(token, Colon)) {
      top.value = true;
      if (top.call && this.#last) {
        top.call.argument = this.#last.image;
        top.call.given.push(this.#last.image);
      }
    } else if (!top && (is(token, Equals) || is(token, Colon)) && this.#assigned === undefined) {
      const name = this.#last?.image ?? "";
      this.#assigned = (this.keyword === null && this.block && own(this.block.properties, name)) || null;
    } else if (!top && this.#words === 0 && keywords.has(token.tokenType)) this.keyword = token.image;
    if (!is(token, Comma)) this.#words++;
    this.#before = this.#last;
    this.#last = token;
  }

  /** What the value at the cursor may be, by the property or parameter that it is for. */
  expected(): { types: ValueType[] | null; property: PropertyDefinition | undefined } {
    const top = this.#frames.at(-1);
    const property = this.#assigned ?? undefined;
    if (!top) return { types: property ? alternatives(property.type) : null, property };
    if (!top.call) return { types: top.types, property: this.#ownerOf(this.#frames.length - 1) };
    const parameter = parameterOf(top.call.definition, top.call.index, top.call.argument);
    return { types: parameter ? alternatives(parameter.type) : null, property: parameter };
  }

  wanted(): Wanted {
    const last = this.#last;
    if (last && is(last, Dot))
      return { kind: "member", object: this.#before && is(this.#before, Name) ? this.#before.image : "" };
    const top = this.#frames.at(-1);
    const { types, property } = this.expected();
    if (top && !top.value && top.call) {
      const call = this.calls().at(-1)!;
      if (last && (is(last, LParen) || is(last, Comma))) return { kind: "argument", call, types, property };
    }
    if (top && !top.call && is(top.open, LCurly) && !top.value) return { kind: "key", to: top.keys };
    if (top) return this.#complete() ? { kind: "nothing" } : { kind: "value", types, property, first: this.#first() };
    if (this.#words === 0) return { kind: "statement" };
    if (this.#assigned !== undefined) {
      if (this.#complete()) return { kind: "statement" };
      return { kind: "value", types, property, first: this.#first() };
    }
    if (this.keyword === "require")
      return this.#complete()
        ? { kind: "nothing" }
        : { kind: "value", types: null, property: undefined, first: this.#first() };
    // A comparison in a gate.
    if (last && is(last, Infix)) return { kind: "value", types: null, property: undefined, first: false };
    return this.#complete() && !(last && is(last, Name)) ? { kind: "statement" } : { kind: "nothing" };
  }

  calls(): OpenCall[] {
    return this.#frames.flatMap(({ call }) => (call ? [{ ...call, given: [...call.given] }] : []));
  }

  /** The property or parameter whose value a bracket belongs to. */
  #ownerOf(depth: number): PropertyDefinition | undefined {
    for (let k = depth - 1; k >= 0; k--) {
      const { call } = this.#frames[k]!;
      if (call) return parameterOf(call.definition, call.index, call.argument);
    }
    return this.#assigned ?? undefined;
  }

  #begin(): void {
    this.keyword = null;
    this.#words = 0;
    this.#assigned = undefined;
    this.#last = undefined;
  }

  /** Whether the statement is still its head: `let`, `let name`, `stage`, `stage name`. */
  #heading(): boolean {
    return this.#assigned === undefined && (this.keyword !== "require" || this.#words === 1);
  }

  /** Whether a value could end with the last token. */
  #complete(): boolean {
    const last = this.#last;
    return (
      last !== undefined &&
      !this.#goesOn() &&
      !is(last, LParen) &&
      !is(last, LSquare) &&
      !is(last, LCurly) &&
      !is(last, Comma) &&
      !is(last, Colon) &&
      !is(last, Dot)
    );
  }

  #first(): boolean {
    const last = this.#last;
    return last === undefined || !awaitsOperand(last);
  }

  #goesOn(): boolean {
    const last = this.#last;
    return last !== undefined && (is(last, Equals) || awaitsOperand(last));
  }
}

function endOf(token: IToken): number {
  return token.startOffset + token.image.length;
}
