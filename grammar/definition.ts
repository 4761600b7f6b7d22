/**
 * The shape of the language definition: what `npm run generate` reads from the interfaces in language/ and writes to
 * generated/language.ts. Checker, completion, hover, signature help and the reference page all read this table.
 */

/** The newest version of the language, as `ctx 1` at the top of a recipe names it. */
export const languageVersion = 1;

/** What a value can be. */
export type ValueType =
  | { kind: "tokens" | "count" | "number" | "ratio" | "bytes" | "duration" | "text" | "flag" }
  /** Bare words from a closed set. */
  | { kind: "choice"; choices: string[] }
  | { kind: "list"; of: ValueType }
  /** `{ key: value }`; `keys` says what the keys name, if they name something. */
  | { kind: "map"; of: ValueType; keys: Reference | null }
  /** `4Ki..1Mi x2`: stands for the list of its values. */
  | { kind: "range"; of: ValueType }
  /** Evaluated once for each stage; sees the stage's `variables`, and those named here besides. */
  | { kind: "formula"; of: ValueType; sees: string[] }
  /** A comparison over the named variables, as in `filter = tokens >= 4Ki`. */
  | { kind: "condition"; sees: string[] }
  /** In a block such as `gate`: a bare line that compares this name with a value, `needle >= 95%`. */
  | { kind: "measure"; of: ValueType; operators: string[] }
  /** A call of one function of the named set: `adamw(lr: 2e-5)`. A function without required parameters may be named bare. */
  | { kind: "call"; set: string }
  /** The name of a source, a stage, … of this recipe. */
  | { kind: "reference"; to: Reference }
  | { kind: "union"; of: ValueType[] };

/** What a name in a recipe can lead to. */
export type Reference = "source" | "stage";

/** `planned`: known to the language, refused by the compiler until the engine carries it out. */
export type Status = "ready" | "planned";

/** What is told of everything in the language. */
export interface Documented {
  name: string;
  /** Markdown. */
  doc: string;
  status: Status;
  /** Language version that brought it. */
  since: number;
  /** What to use instead, or null. */
  deprecated: string | null;
  /** Recipe text. */
  examples: string[];
  /** Papers and sources, as markdown. */
  papers: string[];
}

/** A property of a block, or a parameter of a function. */
export interface PropertyDefinition extends Documented {
  type: ValueType;
  required: boolean;
  /** The default as a recipe would write it, or a sentence in parentheses; null when there is none. */
  default: string | null;
  /** Bounds of a number, or of each number in a list; null: open. */
  min: number | null;
  max: number | null;
  /** False: `min` itself is not allowed. */
  minIncluded: boolean;
  /** Meanings of choices, where they are told. */
  choices: { [choice: string]: string };
  /** At most one of the properties that carry the same group may be set. */
  group: string | null;
  /** What a text names in the file system, seen from the recipe's folder: `folder`, or a pattern of file names such as `*.json`; null: nothing. */
  path: string | null;
}

/** A block that may stand in another one. */
export interface ChildDefinition {
  /** Key in `LanguageDefinition.blocks`. */
  block: string;
  /** Several of the kind can stand side by side, each with a label. */
  many: boolean;
  required: boolean;
}

/** A kind of block: what may stand in it. */
export interface BlockDefinition extends Documented {
  /** What the label names; null when the block has none. */
  label: Reference | null;
  properties: { [name: string]: PropertyDefinition };
  /** By kind, as written in recipes. */
  children: { [kind: string]: ChildDefinition };
  /** Properties (and blocks) are settings over those of the same block at the top level: a stage's `rope`, `train`, … */
  overrides: string[];
}

/** A function, or a call that is a setting: what it takes and gives. */
export interface FunctionDefinition extends Documented {
  /** Where it may be called: `optimizer`, `schedule`, `method`, `theta`, …; `math` anywhere. */
  set: string;
  /** In order: arguments without a name fill them from the left. */
  parameters: PropertyDefinition[];
  /** The last parameter takes any number of arguments. */
  variadic: boolean;
  /** What a call gives; null for settings such as `adamw(…)`, whose value is the call itself. */
  returns: ValueType | null;
  /** The formula as a recipe could have written it, or null. */
  formula: string | null;
}

/** A name that expressions see. */
export interface VariableDefinition extends Documented {
  type: ValueType;
  /** Where: `stage` in every formula, others only where a type's `sees` names them. */
  scope: "always" | "stage" | "named";
}

/** The whole vocabulary of recipes. */
export interface LanguageDefinition {
  /** What may stand at the top level; `properties` is empty. */
  root: BlockDefinition;
  /** By interface name; a kind such as `rope` has one entry wherever it stands. */
  blocks: { [block: string]: BlockDefinition };
  /** Set → name → function. A name may stand in several sets: `linear` is a method and a schedule. */
  functions: { [set: string]: { [name: string]: FunctionDefinition } };
  /** Members with a dot: `model.theta`, `previous.length`. */
  variables: { [path: string]: VariableDefinition };
}
