import { existsSync, readFileSync } from "node:fs";
import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import { elsewhere } from "../../grammar/elsewhere.ts";
import { generate } from "../../grammar/generate.ts";
import { type Documented, language, type PropertyDefinition, parse, type ValueType } from "../../grammar/index.ts";

const blocks = Object.entries(language.blocks);
const functions = Object.values(language.functions).flatMap((set) => Object.values(set));
/** Every property and parameter with its owner's name. */
const properties: [string, PropertyDefinition][] = [
  ...blocks.flatMap(([name, block]) => Object.values(block.properties).map((property) => [name, property] as const)),
  ...functions.flatMap((made) => made.parameters.map((parameter) => [made.name, parameter] as const)),
].map(([owner, property]) => [`${owner}.${property.name}`, property]);

function* typesIn(type: ValueType): Generator<ValueType> {
  yield type;
  if (type.kind === "union") for (const part of type.of) yield* typesIn(part);
  else if ("of" in type) yield* typesIn(type.of);
}

describe("what is generated", () => {
  test("is what `npm run generate` writes", () => {
    for (const [path, text] of Object.entries(generate(process.cwd()))) {
      expect(existsSync(path) && readFileSync(path, "utf8") === text, `${path} is stale: run npm run generate`).toBe(
        true,
      );
    }
  });

  test("the plan's schema is a schema, closed and described", () => {
    const schema = JSON.parse(readFileSync("docs/plan.schema.json", "utf8"));
    expect(schema.$id).toBe(`urn:ctx-recipe:plan:${schema.definitions.Plan.properties.version.const}`);
    const validate = new Ajv({ strict: true, strictTuples: false }).compile(schema);
    expect(validate({})).toBe(false);
    for (const [name, definition] of Object.entries<{ type: string; additionalProperties: unknown }>(
      schema.definitions,
    )) {
      expect(definition.type, name).toBe("object");
      expect(definition.additionalProperties, name).toBe(false);
    }
  });

  test("the TextMate grammar's patterns are regular expressions, and its includes exist", () => {
    const grammar = JSON.parse(readFileSync("grammar/generated/ctx.tmLanguage.json", "utf8"));
    const visit = (node: unknown): void => {
      if (typeof node !== "object" || node === null) return;
      for (const [key, value] of Object.entries(node)) {
        if (key === "match" || key === "begin" || key === "end") expect(() => new RegExp(value)).not.toThrow();
        else if (key === "include") expect(grammar.repository).toHaveProperty(value.slice(1));
        else visit(value);
      }
    };
    visit(grammar);
  });
});

describe("the definition", () => {
  test("documents every block, function, property and name", () => {
    const silent = (things: [string, Documented][]) =>
      things.filter(([, thing]) => thing.doc === "").map(([name]) => name);
    expect(silent(blocks)).toEqual([]);
    expect(silent(functions.map((made) => [made.name, made]))).toEqual([]);
    expect(silent(Object.entries(language.variables))).toEqual([]);
    // The argument of `floor` needs no word.
    expect(silent(properties).filter((name) => !name.endsWith(".x"))).toEqual([]);
  });

  test("has an example of every block that can be used, and of every function that needs arguments", () => {
    const usable = [...blocks.map(([, block]) => block), ...functions].filter(({ status }) => status === "ready");
    const shown = usable.flatMap(({ examples }) => examples).join("\n");
    const missing = usable.map(({ name }) => name).filter((name) => !new RegExp(`\\b${name}\\b`).test(shown));
    expect(missing).toEqual([]);
  });

  test.each(properties.filter(([, property]) => property.default !== null && !property.default.startsWith("(")))(
    "%s has a default that parses",
    (_, property) => {
      expect(parse(`a = ${property.default}`).problems).toEqual([]);
    },
  );

  test("every example parses", () => {
    for (const [name, thing] of [...blocks, ...properties, ...functions.map((made) => [made.name, made] as const)]) {
      for (const example of thing.examples) {
        const text = parse(example).problems.length === 0 ? example : `a = ${example}`;
        expect(parse(text).problems, `${name}: ${example}`).toEqual([]);
      }
    }
  });

  test("explains only choices that exist, and names only sets that have functions", () => {
    for (const [name, { type, choices }] of properties) {
      const all = [...typesIn(type)];
      const known = all.flatMap((part) => (part.kind === "choice" ? part.choices : []));
      for (const choice of Object.keys(choices)) expect(known, name).toContain(choice);
      for (const part of all) if (part.kind === "call") expect(language.functions, name).toHaveProperty(part.set);
    }
  });

  test("refers to blocks and variables that exist", () => {
    for (const [name, block] of [["root", language.root] as const, ...blocks]) {
      for (const child of Object.values(block.children)) expect(language.blocks, name).toHaveProperty(child.block);
      for (const kind of block.overrides) expect(language.root.children, name).toHaveProperty(kind);
    }
    for (const [name, { type }] of properties) {
      for (const part of typesIn(type)) {
        if ("sees" in part) for (const seen of part.sees) expect(language.variables, name).toHaveProperty(seen);
      }
    }
  });

  test("has no property in a block that is also a kind of block in it", () => {
    for (const [, block] of blocks) {
      for (const kind of Object.keys(block.children)) expect(block.properties).not.toHaveProperty(kind);
    }
  });
});

test("names that other tools use lead to properties that there are, and are none themselves", () => {
  for (const [owner, properties] of Object.entries(elsewhere)) {
    const owners = [
      ...blocks.filter(([, block]) => block.name === owner).map(([, block]) => Object.keys(block.properties)),
      ...functions.filter(({ name }) => name === owner).map(({ parameters }) => parameters.map(({ name }) => name)),
    ];
    expect(owners.length, owner).toBeGreaterThan(0);
    const names = Object.values(properties).flat();
    expect(new Set(names).size, owner).toBe(names.length);
    for (const property of Object.keys(properties))
      expect(
        owners.some((known) => known.includes(property)),
        `${owner}.${property}`,
      ).toBe(true);
    for (const known of owners) expect(names.filter((name) => known.includes(name))).toEqual([]);
  }
});
