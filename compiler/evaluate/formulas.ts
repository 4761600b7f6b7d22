import { abf, criticalBase, ntk, ntkDynamic } from "../rope/index.ts";

/** What the named theta formulas start from. Lengths in tokens. */
export interface FormulaContext {
  /** Theta of the base model, and the length that it was trained at by itself (`plainContext`). */
  readonly modelTheta: number;
  readonly modelOriginal: number;
  /** Theta and length of the stage before, or of the base model. */
  readonly previousTheta: number;
  readonly previousLength: number;
  readonly length: number;
  /** Rotated dimensions. */
  readonly d: number;
}

/** A named formula for theta; each is an expression that a recipe could have written itself. */
export interface Formula {
  readonly parameter: string;
  /** Least argument that has a meaning, as in the language's table; `exclusive`: itself not allowed. */
  readonly least: { readonly value: number; readonly exclusive: boolean };
  /** The formula as a recipe would write it. */
  readonly expression: string;
  readonly apply: (argument: number, context: FormulaContext) => number;
}

/** Papers: `compiler/rope/theta.ts`. */
export const formulas: Readonly<Record<string, Formula>> = {
  ntk: {
    parameter: "scale",
    least: { value: 1, exclusive: false },
    expression: "model.theta * scale ^ (d / (d - 2))",
    apply: (scale, { modelTheta, d }) => ntk(modelTheta, scale, d),
  },
  ntk_dynamic: {
    parameter: "factor",
    least: { value: 1, exclusive: false },
    expression: "previous.theta * (factor * length / previous.length - factor + 1) ^ (d / (d - 2))",
    apply: (factor, { previousTheta, previousLength, length, d }) =>
      ntkDynamic(factor, previousTheta, length / previousLength, d),
  },
  critical_base: {
    parameter: "length",
    least: { value: 7, exclusive: false },
    expression: "model.theta ^ (ln(length / (2 * pi)) / ln(model.original / (2 * pi)))",
    apply: (length, { modelTheta, modelOriginal }) => criticalBase(modelTheta, modelOriginal, length),
  },
  abf: {
    parameter: "base",
    least: { value: 1, exclusive: true },
    expression: "base",
    apply: (base) => abf(base),
  },
};
