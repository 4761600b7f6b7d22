import { entryOf, isCode } from "../../compiler/diagnostics/catalogue.ts";
import { folderOf } from "../../compiler/path.ts";
import type { PlanStage } from "../../compiler/plan.ts";
import type { Expression } from "../../grammar/ast.ts";
import { childrenOf, expressionOf, statementsIn } from "../../grammar/walk.ts";
import { cursorAt } from "./cursor.ts";
import { importAt } from "./definition.ts";
import { aboutBlock, aboutFunction, aboutProperty, aboutUnit, aboutVariable, code, markdown } from "./markdown.ts";
import type { Meaning } from "./meaning.ts";
import { declarationsOf, namedBy, wordAt } from "./names.ts";
import type { Hover, Position } from "./protocol.ts";
import { modelTable, previousTable, sourceTable } from "./recipe_tables.ts";
import type { Snapshot } from "./snapshot.ts";
import { memoryTable, thetaTable, valueTable } from "./stage_values.ts";
import { blocksAt, language, objects, variable } from "./vocabulary.ts";

/** What is known of what stands at a position; undefined where nothing is. */
export function hoverAt(snapshot: Snapshot, position: Position): Hover | undefined {
  const offset = snapshot.offset(position);
  const allowed = allowanceAt(snapshot, offset);
  if (allowed) return allowed;
  const word = wordAt(snapshot, offset);
  const told = word && aboutWord(word, snapshot);
  if (word && told?.some((part) => part !== "")) return { contents: markdown(...told), range: snapshot.range(word) };
  return aboutImport(snapshot, offset) ?? aboutPath(snapshot, offset) ?? aboutExpression(snapshot, offset);
}

/** What a word of the language means, and what it comes to here. */
function aboutWord(word: Meaning, snapshot: Snapshot): string[] | undefined {
  const { role, name } = word;
  switch (role.kind) {
    case "block":
      return role.definition && aboutBlock(role.definition);
    case "label":
      return role.of === "stage" ? aboutStage(name, snapshot) : aboutNamed(word, snapshot);
    case "property": {
      if (!role.definition) return undefined;
      const numbers = numbersOf(word, snapshot);
      // Their table has the thetas of the stages already.
      const told = role.definition.name === "theta" && numbers.some((text) => text !== "");
      const own = told || literal(role.node.value) ? "" : valuesIn(role.node.value, role.node.value, snapshot);
      return [...aboutProperty(role.definition), own, ...numbers];
    }
    case "measure":
      return aboutProperty(role.definition);
    case "argument":
      return role.definition && aboutProperty(role.definition);
    case "choice": {
      const meaning = role.property?.choices[name];
      return (
        role.property && [
          `\`${name}\`${meaning ? `: ${meaning}` : ""}`,
          `A value of **${role.property.name}**: ${role.property.doc}`,
        ]
      );
    }
    case "function": {
      if (!role.definition) return undefined;
      return [...aboutFunction(role.definition), role.call ? valuesIn(word.whole, role.call, snapshot) : ""];
    }
    case "member": {
      const known = variable(role.path);
      const node = word.whole && innermost(word.whole, word.start);
      return (
        known && [
          ...aboutVariable(known, memberName(word, snapshot)),
          role.path.startsWith("previous.") ? previousAt(word, snapshot) : "",
          node ? valuesIn(word.whole, node, snapshot) : "",
        ]
      );
    }
    case "definition":
    case "reference":
      return aboutNamed(word, snapshot);
    case "name": {
      const known = variable(name);
      if (known) return [...aboutVariable(known), valueAt(word, snapshot)];
      if (objects.has(name)) return aboutObject(word, snapshot);
      return aboutNamed(word, snapshot);
    }
    default:
      return undefined;
  }
}

/** `s64k.tokens`, not `<stage>.tokens`. */
function memberName({ whole, start, name }: Meaning, { text }: Snapshot): string {
  const node = whole && innermost(whole, start);
  return node?.kind === "member" ? text.slice(node) : name;
}

/** `model` and `previous`: what they have. */
function aboutObject(word: Meaning, snapshot: Snapshot): string[] {
  const { name } = word;
  const members = Object.entries(language.variables).filter(([path]) => path.startsWith(`${name}.`));
  return [
    `**${name}**`,
    members.map(([path, { doc }]) => `- \`${path}\`: ${doc}`).join("\n"),
    name === "model" ? aboutModel(snapshot) : previousAt(word, snapshot),
  ];
}

/** What is known of the model: its size and what it was trained at. */
function aboutModel({ analysis: { workings } }: Snapshot): string {
  return workings.model ? modelTable(workings.model) : "";
}

/** The stages that `previous` means where a word stands. */
function previousAt(word: Meaning, snapshot: Snapshot): string {
  const { analysis, sources } = snapshot;
  const trees = sources.files.map(({ tree }) => tree);
  return previousTable(stagesAround(word, snapshot), analysis.workings.stages, trees);
}

/** A `let`, `param`, source or stage: how it is defined, and what it comes to. */
function aboutNamed(word: Meaning, snapshot: Snapshot): string[] | undefined {
  const named = namedBy(word);
  if (!named) return undefined;
  for (const { name: file, tree } of snapshot.sources.files) {
    const { values, sources } = declarationsOf(tree);
    const found = (named.space === "source" ? sources : values).find(({ name }) => name === named.name);
    const text = snapshot.sources.texts.get(file);
    if (!found || !text) continue;
    const { node } = found;
    if (node.kind === "block") {
      if (node.type.name === "stage") return aboutStage(named.name, snapshot);
      const whole = text.slice(node);
      const { plan } = snapshot.analysis;
      return [
        code(whole.length > 400 ? `${whole.slice(0, 400)}…` : whole),
        plan ? sourceTable(named.name, plan, snapshot.workspace.host) : "",
        ...(file === snapshot.file ? [] : [`in ${file}`]),
      ];
    }
    const at = word.role.kind === "name" ? valueAt(word, snapshot) : "";
    const all = at === "" ? valuesIn(node.value, node.value, snapshot) : at;
    return [code(text.slice(node)), literal(node.value) ? "" : all, ...(file === snapshot.file ? [] : [`in ${file}`])];
  }
  return aboutStage(named.name, snapshot);
}

function aboutStage(name: string, { analysis: { workings } }: Snapshot): string[] {
  const stage = workings.stages.find((each) => each.name === name);
  if (!stage || !workings.ground) return [`stage **${name}**`];
  return [memoryTable(stage, workings.ground), thetaTable([stage])];
}

/** Tables that belong to some properties: thetas to those of rope, memory and time to lengths. */
function numbersOf(word: Meaning, snapshot: Snapshot): string[] {
  const { workings } = snapshot.analysis;
  const { ground } = workings;
  if (word.role.kind !== "property" || !ground) return [];
  const block = word.role.block?.name;
  if (block === "model" && ["from", "new"].includes(word.name)) return [aboutModel(snapshot)];
  const stages = stagesAround(word, snapshot);
  if (block === "rope" && word.name === "previous") return [previousAt(word, snapshot)];
  if (block === "rope" && ["theta", "method", "frequency"].includes(word.name)) return [thetaTable(stages)];
  if (block === "stage" && ["length", "context", "batch"].includes(word.name))
    return stages.map((stage) => memoryTable(stage, ground));
  if (block === "curriculum" && word.name === "lengths")
    return [thetaTable(workings.stages), ...workings.stages.slice(0, 4).map((stage) => memoryTable(stage, ground))];
  return [];
}

/** The stage that a word stands in; at the top level all of them. */
function stagesAround(word: Meaning, { tree, analysis: { workings } }: Snapshot): readonly PlanStage[] {
  const [outer] = blocksAt(tree, word.start);
  if (outer?.type.name !== "stage") return workings.stages;
  return workings.stages.filter(({ name }) => name === outer.label?.name);
}

/** The value of the expression that a word is, where the compiler has one. */
function valueAt(word: Meaning, snapshot: Snapshot): string {
  const node = word.whole && innermost(word.whole, word.start);
  return node ? valuesIn(word.whole, node, snapshot) : "";
}

function valuesIn(whole: Expression | null, part: Expression, { analysis: { workings } }: Snapshot): string {
  return whole ? valueTable(workings.valuesOf(whole, part)) : "";
}

/** A number or an operator: the value of the expression that it makes. */
function aboutExpression(snapshot: Snapshot, offset: number): Hover | undefined {
  for (const statement of statementsIn(snapshot.tree)) {
    const whole = expressionOf(statement);
    if (!whole || offset < whole.start || offset > whole.end) continue;
    const node = innermost(whole, offset);
    if (!node || node.kind === "text" || node.kind === "error") return undefined;
    const shown = valuesIn(whole, node, snapshot);
    const unit = node.kind === "number" && node.unit ? aboutUnit(node.unit) : "";
    if (shown === "" && unit === "") return undefined;
    const written = snapshot.text.slice(node).replace(/\s+/g, " ");
    return { contents: markdown(code(written), shown, unit), range: snapshot.range(node) };
  }
  return undefined;
}

/** The innermost expression that holds an offset; a function's name counts as its call. */
function innermost(node: Expression, offset: number): Expression | undefined {
  if (offset < node.start || offset > node.end) return undefined;
  if (node.kind === "member" && offset >= node.property.start) return node;
  if (node.kind === "call" && offset <= node.callee.end) return node;
  for (const child of childrenOf(node)) {
    if (offset >= child.start && offset < child.end) return innermost(child, offset);
  }
  for (const child of childrenOf(node)) if (offset === child.end) return innermost(child, offset);
  return node;
}

/** Whether the recipe shows the value already. */
function literal(node: Expression): boolean {
  return node.kind === "number"
    ? node.unit === null || node.unit === "%"
    : node.kind === "text" || node.kind === "flag" || node.kind === "name";
}

function aboutImport(snapshot: Snapshot, offset: number): Hover | undefined {
  const place = importAt(snapshot, offset);
  const text = place && snapshot.workspace.host.readText(place.file);
  if (!place || text === undefined) return undefined;
  const head = text
    .split(/\r\n|\n|\r/)
    .slice(0, 12)
    .join("\n")
    .trimEnd();
  return { contents: markdown(place.file, code(head)), range: snapshot.range(place) };
}

/** Of a text that names files: how many there are; of one that names a model, what it is. */
function aboutPath(snapshot: Snapshot, offset: number): Hover | undefined {
  const { wanted, replaced } = cursorAt(snapshot, offset);
  if (wanted.kind !== "text" || !wanted.property?.path) return undefined;
  if (wanted.property.path === "folder") {
    const told = aboutModel(snapshot);
    const name = `**${snapshot.text.slice(replaced)}**`;
    return told === "" ? undefined : { contents: markdown(name, told), range: snapshot.range(replaced) };
  }
  const pattern = snapshot.text.slice(replaced);
  const files = snapshot.workspace.host.list(pattern, folderOf(snapshot.file));
  if (!files) return undefined;
  const names = files.slice(0, 8).map((file) => `- ${file}`);
  if (files.length > names.length) names.push(`- and ${files.length - names.length} more`);
  const count = files.length === 0 ? "no file matches" : `${files.length} file${files.length === 1 ? "" : "s"}`;
  return { contents: markdown(count, names.join("\n")), range: snapshot.range(replaced) };
}

/** Which diagnostic a `# ctx-allow CODE` speaks of. */
function allowanceAt(snapshot: Snapshot, offset: number): Hover | undefined {
  const comment = snapshot.tree.comments.find(({ start, end }) => start <= offset && offset <= end);
  const found = comment && /^ctx-allow\s+(CTX\d{4})/.exec(comment.text)?.[1];
  if (!comment || !found || !isCode(found)) return undefined;
  const { title, severity } = entryOf(found);
  const page = snapshot.workspace.page?.(found);
  return {
    contents: markdown(
      `**${found}** (${severity}): ${title}`,
      page === undefined ? `\`ctx explain ${found}\`` : `[what it means](${page})`,
    ),
    range: snapshot.range(comment),
  };
}
