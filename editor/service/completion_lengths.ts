/** Lengths to offer, from those that the recipe has: stages grow by doublings, and evaluations span them. */
import { knownConfig } from "../../compiler/model/known.ts";
import type { BlockNode, Expression, FileNode, Statement } from "../../grammar/ast.ts";
import type { ValueType } from "../../grammar/definition.ts";

/** A trained length where the recipe's model tells none: that of the smallest common ones. */
const USUAL = 8192;

/** Evaluations of more doublings than these are seldom affordable. */
const DOUBLINGS = 4;

export function isTokens({ kind }: ValueType): boolean {
  return kind === "tokens";
}

/**
 * What a stage at an offset may grow to: twice and four times the length before, or of its context also that length itself, in tokens.
 * The first stage goes on from the model's trained length, by four.
 */
export function nextLengths(tree: FileNode, offset: number, context: boolean): number[] {
  const here = tree.body.find((node): node is BlockNode => isStage(node) && node.start <= offset && offset <= node.end);
  const own = here && lengthOf(here);
  if (context && own) return [2, 4, 8].map((times) => own * times);
  const before = stageLengths(tree, here?.start ?? offset).at(-1);
  return before === undefined
    ? [4, 8, 16].map((times) => trainedLength(tree) * times)
    : [2, 4, 1].map((times) => before * times);
}

/** First and last of a span: the stages' lengths or, where there are none to span, what the model could grow to. */
export function lengthSpan(tree: FileNode, blocks: readonly BlockNode[]): readonly [number, number] {
  const all = blocks[0]?.type.name === "curriculum" ? [] : stageLengths(tree, tree.end);
  const base = trainedLength(tree);
  const last = all.length > 0 ? Math.max(...all) : base * 8 * DOUBLINGS;
  const first = all.length > 0 ? Math.min(...all) : base * 8;
  let from = last;
  for (let k = 0; k < DOUBLINGS && from % 2 === 0 && (from > first || k === 0); k++) from /= 2;
  return [from, last];
}

const isStage = (node: Statement): node is BlockNode => node.kind === "block" && node.type.name === "stage";

function stageLengths({ body }: FileNode, before: number): number[] {
  return body.filter((node) => node.start < before).flatMap((node) => (isStage(node) ? (lengthOf(node) ?? []) : []));
}

function lengthOf(stage: BlockNode): number | undefined {
  const value = setTo(stage, "length");
  return value?.kind === "number" ? value.value : undefined;
}

function setTo({ body }: BlockNode, name: string): Expression | undefined {
  for (const node of body) if (node.kind === "property" && node.name.name === name) return node.value;
  return undefined;
}

/** As far as the text alone tells it. */
function trainedLength({ body }: FileNode): number {
  const model = body.find((node): node is BlockNode => node.kind === "block" && node.type.name === "model");
  if (!model) return USUAL;
  const context = setTo(model, "context");
  if (context?.kind === "number") return context.value;
  const made = setTo(model, "new");
  const given = made?.kind === "call" ? made.arguments.find(({ name }) => name?.name === "context")?.value : undefined;
  if (given?.kind === "number") return given.value;
  const from = setTo(model, "from");
  const promised = from?.kind === "text" ? knownConfig(from.value)?.max_position_embeddings : undefined;
  return typeof promised === "number" ? promised : USUAL;
}
