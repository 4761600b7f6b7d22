/** Reads the interfaces of language/ into the table that everything else is written from. */
import { type InterfaceDeclaration, Node, Project, type PropertySignature, type TypeReferenceNode } from "ts-morph";
import type {
  BlockDefinition,
  Documented,
  FunctionDefinition,
  LanguageDefinition,
  PropertyDefinition,
  Reference,
  VariableDefinition,
} from "../definition.ts";
import { type DocComment, first, readDocComment } from "./doc_comment.ts";
import { readType, strings } from "./read_type.ts";

type Interfaces = Map<string, InterfaceDeclaration>;

/** @param folder the folder `language` with the interfaces */
export function readDefinition(folder: string): LanguageDefinition {
  const project = new Project({ skipAddingFilesFromTsConfig: true, skipFileDependencyResolution: true });
  project.addSourceFilesAtPaths(`${folder}/*.ts`);
  const interfaces: Interfaces = new Map();
  for (const file of project.getSourceFiles()) {
    if (file.getBaseName() === "values.ts") continue;
    for (const declaration of file.getInterfaces()) interfaces.set(declaration.getName(), declaration);
  }
  const language: LanguageDefinition = {
    root: block(interfaces.get("Recipe")!, "recipe", interfaces),
    blocks: {},
    functions: {},
    variables: {},
  };
  collectBlocks(language.root, language, interfaces);
  for (const declaration of interfaces.values()) {
    const made = readFunction(declaration, interfaces);
    if (!made) continue;
    language.functions[made.set] ??= {};
    language.functions[made.set]![made.name] = made;
  }
  readVariables("Variables", "", "always", language, interfaces);
  return language;
}

/** Adds the blocks that can stand in `parent`, and theirs. */
function collectBlocks(parent: BlockDefinition, language: LanguageDefinition, interfaces: Interfaces): void {
  for (const [kind, child] of Object.entries(parent.children)) {
    if (language.blocks[child.block]) continue;
    const declaration = interfaces.get(child.block);
    if (!declaration) throw new Error(`${parent.name}.${kind}: there is no interface ${child.block}`);
    const made = block(declaration, kind, interfaces);
    language.blocks[child.block] = made;
    collectBlocks(made, language, interfaces);
  }
}

function block(declaration: InterfaceDeclaration, kind: string, interfaces: Interfaces): BlockDefinition {
  const comment = docOf(declaration, declaration.getName());
  const made: BlockDefinition = {
    ...documented(kind, comment),
    label: first(comment, "label") as Reference | null,
    properties: {},
    children: {},
    overrides: first(comment, "overrides")?.split(/\s+/) ?? [],
  };
  for (const signature of members(declaration, interfaces)) {
    const name = signature.getName();
    const wrapper = reference(signature);
    const wrapped = wrapper?.getTypeName().getText();
    if (wrapper && (wrapped === "One" || wrapped === "Many")) {
      const inner = wrapper.getTypeArguments()[0]!.getText();
      made.children[name] = { block: inner, many: wrapped === "Many", required: !signature.hasQuestionToken() };
    } else {
      made.properties[name] = property(signature, declaration.getName());
    }
  }
  return made;
}

function readFunction(declaration: InterfaceDeclaration, interfaces: Interfaces): FunctionDefinition | null {
  for (const base of declaration.getExtends()) {
    const kind = base.getExpression().getText();
    if (kind !== "Settings" && kind !== "Gives") continue;
    const [set, returns] = base.getTypeArguments();
    const where = declaration.getName();
    const comment = docOf(declaration, where);
    return {
      ...documented(first(comment, "name") ?? snakeCase(where), comment),
      set: strings(set)[0]!,
      parameters: members(declaration, interfaces).map((signature) => property(signature, where)),
      variadic: comment.tags.has("variadic"),
      returns: returns ? readType(returns, where) : null,
      formula: first(comment, "formula"),
    };
  }
  return null;
}

function readVariables(
  name: string,
  prefix: string,
  scope: VariableDefinition["scope"],
  language: LanguageDefinition,
  interfaces: Interfaces,
): void {
  for (const signature of interfaces.get(name)?.getProperties() ?? []) {
    const path = prefix + signature.getName().replaceAll('"', "");
    const comment = docOf(signature, path);
    const here = (first(comment, "scope") ?? scope) as VariableDefinition["scope"];
    const wrapper = reference(signature);
    if (wrapper?.getTypeName().getText() === "Members") {
      readVariables(wrapper.getTypeArguments()[0]!.getText(), `${path}.`, here, language, interfaces);
    } else {
      const type = readType(signature.getTypeNodeOrThrow(), path);
      language.variables[path] = { ...documented(path, comment), type, scope: here };
    }
  }
}

function property(signature: PropertySignature, owner: string): PropertyDefinition {
  const name = signature.getName();
  const where = `${owner}.${name}`;
  const comment = docOf(signature, where);
  const above = number(comment, "above", where);
  return {
    ...documented(name, comment),
    type: readType(signature.getTypeNodeOrThrow(), where),
    required: !signature.hasQuestionToken(),
    default: first(comment, "default"),
    min: above ?? number(comment, "min", where),
    max: number(comment, "max", where),
    minIncluded: above === null,
    choices: Object.fromEntries((comment.tags.get("choice") ?? []).map((text) => choice(text, where))),
    group: first(comment, "group"),
    path: first(comment, "path"),
  };
}

/** Properties of an interface and of those that it extends, its own last. */
function members(declaration: InterfaceDeclaration, interfaces: Interfaces): PropertySignature[] {
  const inherited = declaration.getExtends().flatMap((base) => {
    const parent = interfaces.get(base.getExpression().getText());
    return parent ? members(parent, interfaces) : [];
  });
  return [...inherited, ...declaration.getProperties()];
}

function documented(name: string, comment: DocComment): Documented {
  return {
    name,
    doc: comment.prose,
    status: first(comment, "status") === "planned" ? "planned" : "ready",
    since: Number(first(comment, "since") ?? 1),
    deprecated: first(comment, "deprecated"),
    examples: (comment.tags.get("example") ?? []).map((text) => text.trim()),
    papers: (comment.tags.get("paper") ?? []).map((text) => text.trim().replace(/\s*\n\s*/g, " ")),
  };
}

function docOf(node: InterfaceDeclaration | PropertySignature, where: string): DocComment {
  return readDocComment(node.getJsDocs()[0]?.getInnerText() ?? "", where);
}

function number(comment: DocComment, tag: string, where: string): number | null {
  const text = first(comment, tag);
  if (text === null) return null;
  const value = Number(text);
  if (Number.isNaN(value)) throw new Error(`${where}: @${tag} ${text} is not a number`);
  return value;
}

/** `name: meaning` */
function choice(text: string, where: string): [string, string] {
  const at = text.indexOf(":");
  if (at < 0) throw new Error(`${where}: @choice ${text} has no meaning`);
  const meaning = text.slice(at + 1).trim();
  return [text.slice(0, at).trim(), meaning.replace(/\s*\n\s*/g, " ")];
}

function reference(signature: PropertySignature): TypeReferenceNode | null {
  const node = signature.getTypeNode();
  return node && Node.isTypeReference(node) ? node : null;
}

/** `NtkDynamic` → `ntk_dynamic`. */
function snakeCase(name: string): string {
  return name.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
}
