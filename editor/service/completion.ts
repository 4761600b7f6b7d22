import { codes, entryOf } from "../../compiler/diagnostics/catalogue.ts";
import { curriculumStage } from "../../compiler/lower/curriculum.ts";
import { knownModels } from "../../compiler/model/known.ts";
import { showNumber, showTokens } from "../../compiler/values/show.ts";
import type { BlockNode, Expression, Statement } from "../../grammar/ast.ts";
import type {
  BlockDefinition,
  FunctionDefinition,
  PropertyDefinition,
  Reference,
  ValueType,
} from "../../grammar/definition.ts";
import { showType } from "../../grammar/generate/show_type.ts";
import { statementWords } from "../../grammar/words.ts";
import { isTokens, lengthSpan, nextLengths } from "./completion_lengths.ts";
import { pathItems } from "./completion_paths.ts";
import { type Cursor, cursorAt, type OpenCall } from "./cursor.ts";
import { aboutBlock, aboutFunction, aboutProperty, aboutVariable, markdown } from "./markdown.ts";
import { declarationsOf } from "./names.ts";
import { COMPLETION_KINDS, type CompletionItem, type Position } from "./protocol.ts";
import type { Snapshot } from "./snapshot.ts";
import { alternatives, language } from "./vocabulary.ts";

/**
 * What can be written at a position.
 *
 * @param trigger the character that made the editor ask, if one did: behind a blank only values are offered
 */
export function completionsAt(snapshot: Snapshot, position: Position, trigger?: string): CompletionItem[] {
  const offset = snapshot.offset(position);
  const cursor = cursorAt(snapshot, offset);
  if (trigger === " " && !["value", "argument", "allowance"].includes(cursor.wanted.kind)) return [];
  const make = new Items(snapshot, cursor);
  const { wanted } = cursor;
  switch (wanted.kind) {
    case "statement":
      return make.statements(offset);
    case "value":
      return make.values(wanted.types, wanted.property, wanted.first);
    case "argument":
      // Behind an argument with a name all others have one.
      return [
        ...make.arguments(wanted.call),
        ...(wanted.call.given.length > 0 ? [] : make.values(wanted.types, wanted.property, true)),
      ];
    case "member":
      return make.members(wanted.object);
    case "key":
      return wanted.to ? make.references(wanted.to, ": ") : [];
    case "text": {
      const wish = wanted.imports ? "*.ctx" : wanted.property?.path;
      if (wish == null) return [];
      const models = wish === "folder" ? make.models() : [];
      return [...pathItems(snapshot, wanted.typed, wish, cursor.replaced), ...models];
    }
    case "allowance":
      return codes
        .filter((code) => entryOf(code).lowerable)
        .map((code) => make.item(code, "constant", { detail: entryOf(code).title, text: `${code}: ` }));
    case "nothing":
      return [];
  }
}

interface Extra {
  readonly detail?: string;
  readonly doc?: readonly string[];
  /** What is written; the label where it is not given. `$0`, `$1` and `${1:…}` are taken out where the editor has no snippets. */
  readonly text?: string;
  readonly rank?: number;
  readonly preselect?: boolean;
  /** Asks for completions again behind it. */
  readonly again?: boolean;
}

class Items {
  readonly #range;
  #made = 0;

  constructor(
    readonly snapshot: Snapshot,
    readonly cursor: Cursor,
  ) {
    this.#range = snapshot.range(cursor.replaced);
  }

  /** Of one rank, what is made first is shown first: things stand in the order in which the language or the recipe declares them. */
  item(label: string, kind: keyof typeof COMPLETION_KINDS, extra: Extra = {}): CompletionItem {
    const { detail, doc, text = label, rank = 5, preselect, again } = extra;
    const snippet = text.includes("$") && this.snapshot.workspace.snippets === true;
    const plain = text.replace(/\$\{\d+:([^}]*)\}/g, "$1").replace(/\$\d/g, "");
    return {
      label,
      kind: COMPLETION_KINDS[kind],
      ...(detail !== undefined && { detail }),
      ...(doc && { documentation: markdown(...doc) }),
      sortText: `${rank}${String(this.#made++).padStart(4, "0")}`,
      ...(preselect && { preselect }),
      insertTextFormat: snippet ? 2 : 1,
      textEdit: { range: this.#range, newText: snippet ? text : plain },
      ...(again && { command: { title: "", command: "editor.action.triggerSuggest" } }),
    };
  }

  /** Properties and blocks that may stand here and do not yet; at the top level also the words of the syntax. */
  statements(offset: number): CompletionItem[] {
    const { block, blocks } = this.cursor;
    if (!block) return [];
    const body = blocks.at(-1)?.body ?? this.snapshot.tree.body;
    const others = body.filter((node) => !isUnder(node, offset));
    const set = new Set(others.flatMap((node) => (node.kind === "property" ? [node.name.name] : [])));
    const groups = new Set([...set].map((name) => block.properties[name]?.group).filter(Boolean));
    const measured = new Set(others.flatMap((node) => measureIn(node) ?? []));
    const properties = Object.values(block.properties).filter(
      ({ name, group, status }) =>
        status === "ready" && !set.has(name) && !measured.has(name) && !(group !== null && groups.has(group)),
    );
    return [
      ...properties.map((property) => this.#property(property)),
      ...this.#blocks(block, others),
      ...(block === language.root ? this.#words(others) : []),
    ];
  }

  #property(property: PropertyDefinition): CompletionItem {
    const { name, type } = property;
    const measure = type.kind === "measure";
    const text = measure ? `${name} ${type.operators[0]} ` : `${name} = `;
    return this.item(name, "property", {
      detail: showType(type).replaceAll("`", ""),
      doc: aboutProperty(property),
      text,
      rank: property.required ? 0 : 1,
      again: !measure,
    });
  }

  #blocks(block: BlockDefinition, others: readonly Statement[]): CompletionItem[] {
    const present = new Set(others.flatMap((node) => (node.kind === "block" ? [node.type.name] : [])));
    return Object.entries(block.children).flatMap(([kind, child]) => {
      const definition = language.blocks[child.block]!;
      if (definition.status !== "ready" || (!child.many && present.has(kind))) return [];
      const label = child.many ? " $1" : "";
      const text = `${kind}${label} { $0 }`;
      return [
        this.item(kind, "struct", { detail: "block", doc: aboutBlock(definition), text, rank: child.required ? 0 : 3 }),
      ];
    });
  }

  #words(others: readonly Statement[]): CompletionItem[] {
    const once: { [word: string]: Statement["kind"] } = { ctx: "version", recipe: "recipe" };
    const texts: { [word: string]: string } = {
      recipe: "recipe $1",
      import: 'import "$1"',
      param: "param $1 = $0",
      let: "let $1 = $0",
      require: 'require $1 "$2"',
      ctx: "ctx 1",
    };
    return [...statementWords]
      .filter((word) => !others.some(({ kind }) => kind === once[word]))
      .map((word) => this.item(word, "keyword", { text: texts[word]!, rank: 4 }));
  }

  /** @param types what may stand here; null: anything */
  values(types: ValueType[] | null, property: PropertyDefinition | undefined, first: boolean): CompletionItem[] {
    const items = first ? this.#lengths(types ?? [], property) : [];
    if (first) items.push(...(types ?? []).flatMap((type) => this.#ofType(type, property)));
    const computed = types === null || types.some(({ kind }) => isComputed(kind));
    if (computed) items.push(...this.#variables(property), ...this.#functions(property));
    items.push(...this.#definitions(computed, types));
    if (first && property?.default != null && !property.default.startsWith("(")) {
      const known = items.find(({ label }) => label === property.default);
      if (!known) items.push(this.item(property.default, "value", { detail: "default", rank: 0, preselect: true }));
    }
    return unique(items);
  }

  /** Lengths that a recipe goes on with, and spans of them: each twice the one before. */
  #lengths(types: readonly ValueType[], property: PropertyDefinition | undefined): CompletionItem[] {
    const spans = types.some((type) => type.kind === "range" && alternatives(type.of).some(isTokens));
    const { blocks } = this.cursor;
    const own = blocks.length === 1 && ["length", "context"].includes(property?.name ?? "");
    if (spans) {
      const [from, to] = lengthSpan(this.snapshot.tree, blocks);
      return [
        this.item(`${showTokens(from)}..${showTokens(to)} x2`, "value", { detail: "each twice the last", rank: 0 }),
      ];
    }
    if (!own || !types.some(isTokens)) return [];
    const next = nextLengths(this.snapshot.tree, this.cursor.replaced.start, property?.name === "context");
    return next.map((length) =>
      this.item(showTokens(length), "value", { detail: `${showNumber(length)} tokens`, rank: 0 }),
    );
  }

  #ofType(type: ValueType, property: PropertyDefinition | undefined): CompletionItem[] {
    const byDefault = (name: string) => property?.default === name;
    switch (type.kind) {
      case "choice":
        return type.choices.map((choice) => {
          const meaning = property?.choices[choice];
          const detail = [meaning, byDefault(choice) ? "default" : undefined].filter(Boolean).join(" · ");
          return this.item(choice, "enumMember", { ...(detail && { detail }), rank: 1, preselect: byDefault(choice) });
        });
      case "flag":
        return ["true", "false"].map((flag) => this.item(flag, "enumMember", { rank: 1, preselect: byDefault(flag) }));
      case "call":
        return Object.values(language.functions[type.set] ?? {}).flatMap((made) =>
          made.status === "ready" ? [this.#call(made, 1, byDefault(made.name))] : [],
        );
      case "reference":
        return this.references(type.to);
      case "text":
        return [this.item('"…"', "value", { text: '"$1"', rank: 2, again: property?.path != null })];
      case "list":
        return [this.item("[…]", "value", { text: "[$1]", rank: 3, again: true })];
      case "map":
        return [this.item("{…}", "value", { text: this.#map(type.keys), rank: 2 })];
      case "condition":
        return type.sees.map((name) => this.#variable(name, 1));
      default:
        return [];
    }
  }

  /** `{ a: 50%, b: 50% }` over the sources there are. */
  #map(keys: Reference | null): string {
    const names = keys === "source" ? this.#named("source") : [];
    if (names.length === 0) return "{ $1 }";
    const share = Math.floor(100 / names.length);
    const shares = names.map((name, k) => `${name}: ${k === 0 ? 100 - share * (names.length - 1) : share}%`);
    return `{ ${shares.join(", ")} }`;
  }

  #call(made: FunctionDefinition, rank: number, preselect = false): CompletionItem {
    const needed = made.parameters.filter((parameter) => parameter.required);
    const inner = needed.map((parameter, k) =>
      made.returns ? `\${${k + 1}:${parameter.name}}` : `${parameter.name}: $${k + 1}`,
    );
    const bare = made.returns === null && needed.length === 0;
    return this.item(made.name, "function", {
      detail: preselect
        ? "default"
        : (made.formula ??
          (made.parameters.length === 0 ? "" : `(${made.parameters.map(({ name }) => name).join(", ")})`)),
      doc: aboutFunction(made),
      text: bare ? made.name : `${made.name}(${inner.join(", ")})`,
      rank,
      preselect,
    });
  }

  /** Parameters of a call that have no value yet. */
  arguments({ definition, given, index }: OpenCall): CompletionItem[] {
    if (!definition || definition.set === "math" || definition.returns) return [];
    // Arguments without a name fill the parameters from the left.
    const filled = new Set(definition.parameters.slice(0, index - given.length).map(({ name }) => name));
    return definition.parameters
      .filter(({ name, status }) => status === "ready" && !given.includes(name) && !filled.has(name))
      .map((parameter) =>
        this.item(parameter.name, "field", {
          detail: showType(parameter.type).replaceAll("`", ""),
          doc: aboutProperty(parameter),
          text: `${parameter.name}: `,
          rank: parameter.required ? 0 : 1,
          again: true,
        }),
      );
  }

  members(object: string): CompletionItem[] {
    const own = Object.keys(language.variables).filter((path) => path.startsWith(`${object}.`));
    const stage = this.#named("stage").includes(object) || curriculumStage.test(object);
    const paths =
      own.length > 0 ? own : stage ? Object.keys(language.variables).filter((path) => path.startsWith("<stage>.")) : [];
    return paths.map((path) => this.#variable(path, 1, path.slice(path.indexOf(".") + 1)));
  }

  references(to: Reference, behind = ""): CompletionItem[] {
    const inside = this.cursor.blocks.map(({ label }) => label?.name);
    const names = this.#named(to).filter((name) => !inside.includes(name));
    return names.map((name) => this.item(name, "reference", { detail: to, text: name + behind, rank: 1 }));
  }

  models(): CompletionItem[] {
    return knownModels().map((name) => this.item(name, "value", { detail: "model of the Hub", rank: 2 }));
  }

  #named(to: Reference): string[] {
    return this.snapshot.sources.files.flatMap(({ tree }) => {
      const { values, sources } = declarationsOf(tree);
      return (to === "source" ? sources : values.filter(({ node }) => node.kind === "block")).map(({ name }) => name);
    });
  }

  /** Names of the language that have a value here. */
  #variables(property: PropertyDefinition | undefined): CompletionItem[] {
    const sees = (property ? [property.type, ...alternatives(property.type)] : []).flatMap((type) =>
      "sees" in type ? type.sees : [],
    );
    const inStage = this.#inStage();
    const names = Object.entries(language.variables).flatMap(([path, { scope }]) => {
      if (path.startsWith("<")) return [];
      // A property is not set to itself; a parameter may well be, as in `critical_base(length)`.
      if (path === property?.name && this.cursor.calls.length === 0) return [];
      if (scope === "named" ? !sees.includes(path) : scope === "stage" && !inStage) return [];
      return path;
    });
    const objects = new Set(names.filter((path) => path.includes(".")).map((path) => path.slice(0, path.indexOf("."))));
    return [
      ...names.filter((path) => !path.includes(".")).map((path) => this.#variable(path, 3)),
      ...[...objects].map((name) =>
        this.item(name, "variable", { detail: "…", text: `${name}.`, rank: 3, again: true }),
      ),
    ];
  }

  #variable(path: string, rank: number, label = path): CompletionItem {
    const known = language.variables[path]!;
    return this.item(label, "variable", { detail: showType(known.type), doc: aboutVariable(known, path), rank });
  }

  /** Whether a formula here is worked out for each stage, or, of a `let`, may be used by one that is. */
  #inStage(): boolean {
    const [outer] = this.cursor.blocks;
    return outer ? staged.has(outer.type.name) : this.cursor.keyword !== "require";
  }

  /** Named formulas have what they start from in rope blocks alone, and in what may be used there. */
  #functions(property: PropertyDefinition | undefined): CompletionItem[] {
    const { blocks, keyword } = this.cursor;
    const number = property !== undefined && alternatives(property.type).some(({ kind }) => kind === "number");
    const theta = (blocks.at(-1)?.type.name === "rope" && number) || keyword === "let" || keyword === "param";
    const thetas = theta ? Object.values(language.functions.theta ?? {}) : [];
    return [
      ...thetas.map((made) => this.#call(made, 2)),
      ...Object.values(language.functions.math ?? {}).map((made) => this.#call(made, 6)),
    ];
  }

  /** `let`s and `param`s whose values may fit and, in formulas, stages. */
  #definitions(stages: boolean, types: readonly ValueType[] | null): CompletionItem[] {
    const kinds = new Set<Expression["kind"]>(
      (types ?? []).flatMap(({ kind }) =>
        kind === "list" || kind === "text" || kind === "call" || kind === "map" ? [kind] : [],
      ),
    );
    return this.snapshot.sources.files.flatMap(({ name: file, tree }) =>
      declarationsOf(tree).values.flatMap(({ name, node }) => {
        // Nothing is defined by itself.
        if (file === this.snapshot.file && node.kind !== "block" && isWithin(node, this.cursor.replaced.start))
          return [];
        if (node.kind === "block") {
          const inside = this.cursor.blocks.some((block) => block.label?.name === name);
          return stages && !inside
            ? [this.item(name, "reference", { detail: stageDetail(node), text: `${name}.`, rank: 4, again: true })]
            : [];
        }
        if (!stages && !kinds.has(node.value.kind)) return [];
        const text = this.snapshot.sources.texts.get(file)?.slice(node.value).replace(/\s+/g, " ") ?? "";
        return [this.item(name, "constant", { detail: `${node.kind} ${text}`, rank: 2 })];
      }),
    );
  }
}

/** Blocks whose formulas are worked out for each stage. */
const staged: ReadonlySet<string> = new Set(["stage", "rope", "train", "parallel", "memory"]);

function stageDetail({ body }: BlockNode): string {
  for (const node of body)
    if (node.kind === "property" && node.name.name === "length" && node.value.kind === "number")
      return `stage of ${showTokens(node.value.value)}`;
  return "stage";
}

const isWithin = ({ start, end }: Statement, offset: number) => start <= offset && offset <= end;

/** Types whose values are computed by expressions. */
function isComputed(kind: ValueType["kind"]): boolean {
  return ["tokens", "count", "number", "ratio", "bytes", "duration", "condition", "range"].includes(kind);
}

/** Whether the cursor is still in a statement's name: then it is what is being written. */
function isUnder(node: Statement, offset: number): boolean {
  if (node.kind === "property") return node.name.start <= offset && offset <= node.name.end;
  if (node.kind === "block") return node.type.start <= offset && offset <= node.type.end;
  if (node.kind === "assertion" && node.expression.kind === "binary")
    return node.start <= offset && offset <= node.expression.left.end;
  return node.start <= offset && offset <= node.end;
}

function measureIn(node: Statement): string | undefined {
  if (node.kind !== "assertion" || node.expression.kind !== "binary") return undefined;
  const { left } = node.expression;
  return left.kind === "name" ? left.name : undefined;
}

function unique(items: readonly CompletionItem[]): CompletionItem[] {
  const seen = new Map<string, CompletionItem>();
  for (const item of items) if (!seen.has(item.label)) seen.set(item.label, item);
  return [...seen.values()];
}
