/** Text → tree: the syntax of recipes, without their vocabulary's meaning. */
export * from "./ast.ts";
export type * from "./definition.ts";
export { language } from "./generated/language.ts";
export { type Parsed, parse } from "./parse.ts";
export * from "./problems.ts";
export { type Position, type PositionRange, SourceText } from "./text.ts";
export { type Dimension, dimensionOf, literalValue, type Unit, units } from "./units.ts";
