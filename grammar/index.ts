/** Text → tree: the syntax of recipes, without their vocabulary's meaning. */
export * from "./ast.ts";
export type * from "./definition.ts";
export { languageVersion } from "./definition.ts";
export { format } from "./format.ts";
export { language } from "./generated/language.ts";
export { type Parsed, parse } from "./parse.ts";
export * from "./problems.ts";
export { type Position, type PositionRange, SourceText } from "./text.ts";
export { type Dimension, dimensionOf, literalValue, type Unit, units } from "./units.ts";
export { childrenOf, expressionOf, expressionsIn, statementsIn } from "./walk.ts";
