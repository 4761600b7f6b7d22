/**
 * JSON Schema (draft-07), as much of it as `npm run generate` writes for plans: held against a document directly. A general
 * validator would first write itself a program of 200 KB, which takes longer than compiling a recipe, and which pages whose
 * policy forbids code from strings do not run.
 */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly items?: Schema | readonly Schema[];
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: { readonly [name: string]: Schema };
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly definitions?: { readonly [name: string]: Schema };
}

/** Keywords that say nothing about documents. */
const annotations = ["$schema", "$id", "$comment", "title", "description", "definitions"];

const understood = new Set([
  ...annotations,
  ...["$ref", "type", "const", "enum", "items", "minItems", "maxItems"],
  ...["properties", "required", "additionalProperties", "allOf", "anyOf"],
]);

/** Keywords of a schema that `schemaFaults` would pass over; a test holds it empty for the plan's. */
export function strangeKeywords(schema: Schema): string[] {
  const own = Object.keys(schema).filter((keyword) => !understood.has(keyword));
  return [...new Set([...own, ...parts(schema).flatMap(strangeKeywords)])];
}

function parts({ items, properties, additionalProperties, allOf, anyOf, definitions }: Schema): Schema[] {
  const one = typeof additionalProperties === "object" ? [additionalProperties] : [];
  const list = items === undefined ? [] : Array.isArray(items) ? (items as Schema[]) : [items as Schema];
  const named = [...Object.values(properties ?? {}), ...Object.values(definitions ?? {})];
  return [...list, ...one, ...(allOf ?? []), ...(anyOf ?? []), ...named];
}

/** A fault of a document: JSON pointer of the value, and what it must be. */
export interface SchemaFault {
  readonly pointer: string;
  readonly message: string;
}

/** Everything in which a document departs from a schema, in the order of the schema. Empty: it is as it should be. */
export function schemaFaults(document: unknown, root: Schema): SchemaFault[] {
  const faults: SchemaFault[] = [];
  check(document, root, "", root, faults);
  return faults;
}

function check(value: unknown, schema: Schema, pointer: string, root: Schema, faults: SchemaFault[]): void {
  const fault = (message: string) => faults.push({ pointer, message });
  if (schema.$ref !== undefined) {
    check(value, definition(schema.$ref, root), pointer, root, faults);
    return;
  }
  if (schema.type !== undefined && !isOfType(value, schema.type)) {
    fault(`must be ${schema.type}`);
    return;
  }
  if (schema.const !== undefined && value !== schema.const) fault("must be equal to constant");
  if (schema.enum && !schema.enum.includes(value)) fault("must be equal to one of the allowed values");
  if (Array.isArray(value)) checkItems(value, schema, pointer, root, faults);
  else if (isRecord(value)) checkProperties(value, schema, pointer, root, faults);
  for (const part of schema.allOf ?? []) check(value, part, pointer, root, faults);
  if (schema.anyOf) checkAny(value, schema.anyOf, pointer, root, faults);
}

function definition(ref: string, root: Schema): Schema {
  const found = root.definitions?.[ref.replace("#/definitions/", "")];
  if (!found) throw new Error(`the schema has no ${ref}`);
  return found;
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case "object":
      return isRecord(value);
    case "array":
      return Array.isArray(value);
    case "number":
      return typeof value === "number" && Number.isFinite(value);
    case "null":
      return value === null;
    default:
      return typeof value === type;
  }
}

function isRecord(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function checkItems(
  value: readonly unknown[],
  schema: Schema,
  pointer: string,
  root: Schema,
  faults: SchemaFault[],
): void {
  const { items, minItems, maxItems } = schema;
  if (minItems !== undefined && value.length < minItems)
    faults.push({ pointer, message: `must NOT have fewer than ${minItems} items` });
  if (maxItems !== undefined && value.length > maxItems)
    faults.push({ pointer, message: `must NOT have more than ${maxItems} items` });
  for (const [k, item] of value.entries()) {
    const own = Array.isArray(items) ? (items as Schema[])[k] : (items as Schema | undefined);
    if (own) check(item, own, `${pointer}/${k}`, root, faults);
  }
}

function checkProperties(
  value: { readonly [name: string]: unknown },
  schema: Schema,
  pointer: string,
  root: Schema,
  faults: SchemaFault[],
): void {
  const { properties = {}, required = [], additionalProperties } = schema;
  for (const name of required)
    if (!Object.hasOwn(value, name)) faults.push({ pointer, message: `must have required property '${name}'` });
  for (const name of Object.keys(value)) {
    const at = `${pointer}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    if (Object.hasOwn(properties, name)) check(value[name], properties[name]!, at, root, faults);
    else if (additionalProperties === false)
      faults.push({ pointer, message: `must NOT have additional properties (${name})` });
    else if (typeof additionalProperties === "object") check(value[name], additionalProperties, at, root, faults);
  }
}

/** Of several ways none of which fits, the faults of the way that comes closest are told: those deepest in the document. */
function checkAny(value: unknown, ways: readonly Schema[], pointer: string, root: Schema, faults: SchemaFault[]): void {
  let best: SchemaFault[] | undefined;
  for (const way of ways) {
    const found: SchemaFault[] = [];
    check(value, way, pointer, root, found);
    if (found.length === 0) return;
    const depth = (list: readonly SchemaFault[]) => Math.max(...list.map((fault) => fault.pointer.length));
    if (!best || depth(found) > depth(best)) best = found;
  }
  faults.push(...(best ?? []));
}
