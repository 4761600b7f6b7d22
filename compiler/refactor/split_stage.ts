import type { BlockNode, PropertyNode } from "../../grammar/ast.ts";
import { format } from "../../grammar/format.ts";
import type { Analysis } from "../analyze.ts";
import type { Edit, Fix } from "../diagnostics/diagnostic.ts";
import { isReserved } from "../names/reserved.ts";
import { showTokens } from "../values/show.ts";

/** The largest step from one stage to the next that is made: published curricula grow by two to four (Gradient's by 8, 4, 2, 2). */
const largestStep = 4;

/**
 * A stage that grows the context far, as several that each grow it by at most four; its tokens are shared equally, and all else
 * that it says is said in each. Undefined where the stage grows less, or where its rows are shorter than its context, whose
 * growth costs nothing.
 */
export function splitStage(analysis: Analysis, name: string): Fix | undefined {
  const { workings, files, texts, file } = analysis;
  const k = workings.stages.findIndex((stage) => stage.name === name);
  const stage = workings.stages[k];
  const node = files[0]?.tree.body.find(
    (node): node is BlockNode => node.kind === "block" && node.type.name === "stage" && node.label?.name === name,
  );
  const text = texts.get(file);
  if (!stage || !workings.model || !node?.label || !node.close || !text) return undefined;
  const from = workings.stages[k - 1]?.context ?? workings.model.context;
  if (stage.context !== stage.length || stage.length <= from * largestStep) return undefined;
  const property = (name: string) =>
    node.body.find((inner): inner is PropertyNode => inner.kind === "property" && inner.name.name === name);
  const [length, steps, tokens] = [property("length"), property("steps"), property("tokens")];
  if (!length || (!steps && !tokens) || property("context") || property("wall_time")) return undefined;
  const lengths = lengthsBetween(from, stage.length);
  if (lengths.length < 2) return undefined;
  const taken = new Set(files.flatMap(({ tree }) => tree.body.flatMap((inner) => nameOf(inner) ?? [])));
  const asked = tokens && workings.valuesOf(tokens.value)[0]?.value;
  const share = (asked?.kind === "number" ? asked.value : stage.tokens) / lengths.length;
  const blocks = lengths.map((each, part) => {
    const last = part === lengths.length - 1;
    const label = last ? name : freeName(each, taken);
    const count = Math.max(1, Math.round(share / (stage.sequences * each)));
    const edits = [
      { span: node.label!, text: label },
      ...(last ? [] : [{ span: length.value, text: showTokens(each).replaceAll(",", "") }]),
      ...(steps ? [{ span: steps.value, text: String(count) }] : []),
      ...(tokens ? [{ span: tokens.value, text: written(count * stage.sequences * each, share) }] : []),
    ];
    return rewritten(text.text, node, edits);
  });
  const ending = /\r\n|\n|\r/.exec(text.text)?.[0] ?? "\n";
  const formatted = format(`${blocks.join(ending)}${ending}`).replace(/(?:\r\n|\n|\r)$/, "");
  const edit: Edit = { file, start: node.start, end: node.end, text: formatted };
  const title = `split into stages of ${lengths.map(showTokens).join(", ")}`;
  return { title, safety: "review", edits: [edit] };
}

/** Lengths that lead from one to another by powers of two, the last included. */
function lengthsBetween(from: number, to: number): number[] {
  const doublings = Math.log2(to / from);
  const most = Math.log2(largestStep);
  const count = Math.ceil(doublings / most - 1e-9);
  const lengths = [to];
  let exponent = doublings;
  for (let k = count - 1; k > 0; k--) {
    // As even as whole doublings allow, and no step larger than it may be.
    exponent = Math.max(Math.round((k * doublings) / count), Math.ceil(exponent - most - 1e-9));
    const exact = from * 2 ** exponent;
    // A multiple of 1,024 splits over every ring that there is.
    lengths.unshift(exact >= 2048 ? Math.round(exact / 1024) * 1024 : Math.round(exact));
  }
  return lengths.filter((length, k) => length > (lengths[k - 1] ?? from));
}

/** `s256k`, as a curriculum would name the stage. */
function freeName(length: number, taken: Set<string>): string {
  const plain = `s${showTokens(length).replaceAll(",", "").replace(/i$/, "").toLowerCase()}`;
  let name = plain;
  for (let k = 2; taken.has(name) || isReserved(name); k++) name = `${plain}_${k}`;
  taken.add(name);
  return name;
}

function nameOf(node: Analysis["tree"]["body"][number]): string | undefined {
  if (node.kind === "let" || node.kind === "param") return node.name?.name;
  return node.kind === "block" ? node.label?.name : undefined;
}

/** Tokens of a stage as a recipe writes them: the share, if it is a round number, which the compiler rounds up to whole steps. */
function written(whole: number, share: number): string {
  for (const [size, unit] of [
    [1e9, "B"],
    [1e6, "M"],
    [1e3, "K"],
  ] as const)
    if (share % (size / 10) === 0 && share >= size) return `${share / size}${unit}`;
  return String(whole);
}

function rewritten(
  text: string,
  node: BlockNode,
  edits: readonly { span: { start: number; end: number }; text: string }[],
): string {
  let out = "";
  let at = node.start;
  for (const edit of [...edits].sort((a, b) => a.span.start - b.span.start)) {
    out += text.slice(at, edit.span.start) + edit.text;
    at = edit.span.end;
  }
  return out + text.slice(at, node.end);
}
