import type { BlockNode, Expression, FileNode, PropertyNode, Span, Statement } from "../../grammar/ast.ts";
import type { BlockDefinition, LanguageDefinition, PropertyDefinition } from "../../grammar/definition.ts";
import { blocksElsewhere } from "../../grammar/elsewhere.ts";
import type { SourceText } from "../../grammar/text.ts";
import type { Place } from "../diagnostics/diagnostic.ts";
import type { Report } from "../diagnostics/report.ts";
import { closest, hint, renames } from "../diagnostics/suggest.ts";
import { isReserved } from "./reserved.ts";
import type { Stranger } from "./strangers.ts";
import { reportUnknownProperty } from "./unknown_property.ts";

/** `name = expression`, known to the language. */
export interface Setting {
  readonly name: string;
  readonly definition: PropertyDefinition;
  readonly value: Expression;
  readonly file: string;
  /** Place of the name. */
  readonly nameAt: Place;
  /** The property that a misspelt name, or `==`, most likely means: reported, so what follows from the guess is not. */
  readonly guessed?: true;
}

/** A bare line of a block, such as `needle >= 95%`. */
export interface Line {
  readonly expression: Expression;
  readonly file: string;
}

/** A block with the names in it checked: what it sets, what stands inside it. */
export interface Section {
  readonly kind: string;
  readonly definition: BlockDefinition;
  readonly label: string | null;
  readonly labelAt: Place | null;
  /** Place of the block's heading, `stage s64k`. */
  readonly at: Place;
  readonly settings: ReadonlyMap<string, Setting>;
  readonly children: readonly Section[];
  /** Of these, by kind, those that stand at most once. */
  readonly single: ReadonlyMap<string, Section>;
  readonly lines: readonly Line[];
  /** Whether it sets something under a name that means nothing here: what it lacks may be meant by that. */
  readonly unread?: boolean;
  /** Blocks in it that the language does not know. */
  readonly strangers?: readonly Stranger[];
}

/** What the builder of sections looks names up in and reports to. */
export interface Naming {
  readonly language: LanguageDefinition;
  readonly report: Report;
  readonly file: string;
  readonly text: SourceText;
  /** Set inside of blocks: what they say takes the place of what the top level says. */
  readonly inner?: true;
}

/** The whole file as the section of the language's root; its statements other than blocks and properties are left out. */
export function rootSection(file: FileNode, naming: Naming): Section {
  const at = { file: naming.file, start: 0, end: 0 };
  return {
    kind: "recipe",
    label: null,
    labelAt: null,
    at,
    ...bodyOf(file.body, naming.language.root, "a recipe", naming),
  };
}

function blockSection(node: BlockNode, kind: string, definition: BlockDefinition, naming: Naming): Section {
  checkLabel(node, definition, naming);
  const heading = { start: node.type.start, end: node.label?.end ?? node.type.end };
  return {
    kind,
    label: definition.label ? (node.label?.name ?? null) : null,
    labelAt: node.label && place(node.label, naming),
    at: place(heading, naming),
    ...bodyOf(node.body, definition, kind, naming),
  };
}

function bodyOf(body: readonly Statement[], definition: BlockDefinition, owner: string, naming: Naming) {
  const settings = new Map<string, Setting>();
  const lines: Line[] = [];
  let blocks: Blocks | undefined;
  let unread = false;
  for (const node of body) {
    if (node.kind === "property") {
      if (!addSetting(node, body, definition, owner, settings, naming)) unread = true;
    } else if (node.kind === "block") {
      blocks ??= { children: new Map(), strangers: [] };
      addChild(node, definition, owner, blocks, naming);
    } else if (node.kind === "assertion") addLine(node.expression, definition, owner, lines, settings, naming);
  }
  reportGroups(settings, owner, naming);
  const { children, single } = blocks ? childrenIn(definition, [...blocks.children.values()]) : childless;
  return { definition, settings, children, single, lines, unread, strangers: blocks?.strangers ?? childless.children };
}

/** The blocks in a block. */
interface Blocks {
  /** Each under what no other may have: its kind, or its kind and name. */
  readonly children: Map<string, Section>;
  readonly strangers: Stranger[];
}

/** Most blocks hold nothing but settings. */
const childless = { children: [] as readonly never[], single: new Map<string, Section>() };

function childrenIn(parent: BlockDefinition, children: readonly Section[]): Pick<Section, "children" | "single"> {
  const once = children.filter(({ kind }) => !parent.children[kind]?.many);
  return { children, single: new Map(once.map((child) => [child.kind, child])) };
}

/** False for a name that stands for no property, as far as anyone can tell. */
function addSetting(
  { name, value }: PropertyNode,
  body: readonly Statement[],
  block: BlockDefinition,
  owner: string,
  settings: Map<string, Setting>,
  naming: Naming,
): boolean {
  const at = place(name, naming);
  const definition = Object.hasOwn(block.properties, name.name) ? block.properties[name.name] : undefined;
  if (!definition) {
    const meant = reportUnknownProperty({ name, value, body }, block, owner, naming);
    if (meant !== undefined) addGuess(meant, value, at, block, settings, naming);
    return meant !== undefined;
  }
  if (definition.status === "planned") {
    naming.report.add("CTX2011", at, { name: name.name });
    return true;
  }
  const first = settings.get(name.name);
  if (first && !first.guessed) {
    const related = [{ message: `${name.name} is first set`, at: first.nameAt }];
    naming.report.add("CTX2004", at, { name: name.name, block: owner }, { related });
    return true;
  }
  settings.set(name.name, { name: name.name, definition, value, file: naming.file, nameAt: at });
  return true;
}

/** Takes a slip for the property that it most likely means, unless the block sets that one itself. */
function addGuess(
  name: string,
  value: Expression,
  nameAt: Place,
  block: BlockDefinition,
  settings: Map<string, Setting>,
  naming: Naming,
): void {
  const definition = Object.hasOwn(block.properties, name) ? block.properties[name] : undefined;
  if (!definition || definition.status === "planned" || settings.has(name)) return;
  settings.set(name, { name, definition, value, file: naming.file, nameAt, guessed: true });
}

/** @param blocks those before it in the block */
function addChild(
  node: BlockNode,
  parent: BlockDefinition,
  owner: string,
  { children, strangers }: Blocks,
  naming: Naming,
): void {
  const { report, language } = naming;
  const written = node.type.name;
  const at = place(node.type, naming);
  const kind = childKind(written, parent, owner, at, naming);
  if (kind === undefined) {
    const advice = Object.hasOwn(blocksElsewhere, written) ? blocksElsewhere[written] : undefined;
    strangers.push({ labelled: node.label !== null && node.label !== undefined, advice });
  }
  const child = kind === undefined ? undefined : parent.children[kind];
  const definition = child && language.blocks[child.block];
  if (kind === undefined || !child || !definition) return;
  if (definition.status === "planned") {
    if (kind === written) report.add("CTX2011", at, { name: kind });
    return;
  }
  const within = parent === language.root ? naming : ({ ...naming, inner: true } as const);
  const section = blockSection(node, kind, definition, within);
  const key = child.many ? `${kind} ${section.label ?? ""}` : kind;
  const twin = children.get(key);
  // Of a misspelt block it is not sure that it is the other one's twin.
  if (twin && kind !== written) return;
  if (twin && section.labelAt && child.many) {
    const related = [{ message: `${kind} ${section.label} is first described`, at: twin.at }];
    report.add("CTX2015", section.labelAt, { kind, name: section.label ?? "" }, { related });
    return;
  }
  if (twin) {
    report.add(
      "CTX2004",
      at,
      { name: kind, block: owner },
      { related: [{ message: `${kind} first stands`, at: twin.at }] },
    );
    return;
  }
  children.set(key, section);
}

/** The kind of child that a block is, or most likely means; one that is reported. Undefined when it is none. */
function childKind(
  kind: string,
  parent: BlockDefinition,
  owner: string,
  at: Place,
  { report }: Naming,
): string | undefined {
  if (Object.hasOwn(parent.children, kind)) return kind;
  if (Object.hasOwn(parent.properties, kind)) {
    report.add("CTX2014", at, { block: kind, problem: "is a property, not a block", hint: `write ${kind} = …` });
    return undefined;
  }
  const known = Object.keys(parent.children);
  const advice = Object.hasOwn(blocksElsewhere, kind) ? blocksElsewhere[kind] : undefined;
  const meant = advice ? undefined : closest(kind, known);
  report.add(
    "CTX2002",
    at,
    { parent: owner, name: kind, hint: advice ?? hint(kind, known) },
    { fixes: advice ? [] : renames(kind, known, at) },
  );
  return meant;
}

/** A bare line belongs where the block has measures to compare; `length == 512` elsewhere is meant to set the property. */
function addLine(
  expression: Expression,
  definition: BlockDefinition,
  owner: string,
  lines: Line[],
  settings: Map<string, Setting>,
  naming: Naming,
): void {
  const measures = Object.values(definition.properties).some((property) => property.type.kind === "measure");
  if (measures) lines.push({ expression, file: naming.file });
  else if (
    expression.kind === "binary" &&
    expression.operator === "==" &&
    expression.left.kind === "name" &&
    Object.hasOwn(definition.properties, expression.left.name)
  ) {
    const { left, right } = expression;
    const between = { file: naming.file, start: left.end, end: right.start };
    const fix = { title: "= instead of ==", safety: "safe" as const, edits: [{ ...between, text: " = " }] };
    const values = { block: owner, hint: `== compares: ${left.name} is set with one =` };
    naming.report.add("CTX2018", place(expression, naming), values, { fixes: [fix] });
    addGuess(left.name, right, place(left, naming), definition, settings, naming);
  } else if (expression.kind !== "error") {
    const hint = "a gate takes conditions, and require checks one when compiling";
    naming.report.add("CTX2018", place(expression, naming), { block: owner, hint });
  }
}

function checkLabel(node: BlockNode, definition: BlockDefinition, { report, file }: Naming): void {
  const block = node.type.name;
  if (definition.label && !node.label) {
    const hint = `write ${block} NAME { … }`;
    report.add(
      "CTX2014",
      { file, start: node.type.start, end: node.type.end },
      { block, problem: "needs a name", hint },
    );
  } else if (!definition.label && node.label) {
    const at = { file, start: node.label.start, end: node.label.end };
    const fix = { title: "remove the name", safety: "safe" as const, edits: [{ ...at, text: "" }] };
    report.add("CTX2014", at, { block, problem: "takes no name", hint: "remove it" }, { fixes: [fix] });
  } else if (node.label && isReserved(node.label.name)) {
    const { name, start, end } = node.label;
    report.add("CTX2019", { file, start, end }, { name });
  }
}

/** Of the properties that exclude each other only one may be set; two budgets may, if they agree. */
function reportGroups(settings: ReadonlyMap<string, Setting>, owner: string, { report }: Naming): void {
  let first: Map<string, Setting> | undefined;
  for (const setting of settings.values()) {
    const { group } = setting.definition;
    if (group === null || group === "budget" || setting.guessed) continue;
    first ??= new Map();
    const other = first.get(group);
    if (!other) first.set(group, setting);
    else {
      const related = [{ message: `${other.name} is set`, at: other.nameAt }];
      report.add("CTX2017", setting.nameAt, { name: setting.name, other: other.name, block: owner }, { related });
    }
  }
}

function place(span: Span, { file }: Naming): Place {
  return { file, start: span.start, end: span.end };
}

/** The children of a kind. */
export function childrenOf(section: Section, kind: string): readonly Section[] {
  return section.children.filter((child) => child.kind === kind);
}

/** The only child of a kind that stands at most once. */
export function childOf(section: Section | undefined, kind: string): Section | undefined {
  return section?.single.get(kind);
}

/**
 * What `over` says, and where it is silent what `base` says: the rule of stages over the top level, and of a recipe over
 * the one that it imports. Blocks inside merge by kind and label; lines are taken from `over` if it has any.
 */
export function overlay(base: Section | undefined, over: Section | undefined): Section | undefined {
  if (!base || !over) return over ?? base;
  const settings = new Map(base.settings);
  for (const setting of over.settings.values()) {
    settings.set(setting.name, setting);
    const { group } = setting.definition;
    if (group === null || group === "budget") continue;
    for (const other of base.settings.values()) {
      if (other.definition.group === group && !over.settings.has(other.name)) settings.delete(other.name);
    }
  }
  const same = (a: Section, b: Section) => a.kind === b.kind && a.label === b.label;
  const unread = Boolean(base.unread || over.unread);
  const lines = over.lines.length > 0 ? over.lines : base.lines;
  const strangers = [...(base.strangers ?? []), ...(over.strangers ?? [])];
  if (base.children.length + over.children.length === 0) return { ...over, settings, lines, unread, strangers };
  const children = [
    ...base.children.map(
      (child) =>
        overlay(
          child,
          over.children.find((other) => same(child, other)),
        ) ?? child,
    ),
    ...over.children.filter((child) => !base.children.some((other) => same(child, other))),
  ];
  return { ...over, settings, ...childrenIn(over.definition, children), lines, unread, strangers };
}
