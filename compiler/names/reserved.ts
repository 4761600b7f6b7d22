/** Names that mean something in every recipe, and where: nothing of a recipe's own can be called so. */
export const reserved: { readonly [name: string]: string } = {
  model: "",
  pi: "",
  length: "it belongs to a stage: use it inside one, or in rope or train",
  context: "it belongs to a stage: use it inside one, or in rope or train",
  scale: "it belongs to a stage: use it inside one, or in rope or train",
  d: "it belongs to a stage: use it inside one, or in rope or train",
  previous: "it belongs to a stage: use it inside one, or in rope or train",
  i: "only frequency is evaluated for each pair",
  tokens: "only a filter is about single documents; of a stage it is STAGE.tokens",
};

/** Names that have a value only where a stage, a pair or a document is being described. */
export const placeNames: readonly string[] = Object.keys(reserved).filter((name) => reserved[name]);

export function isReserved(name: string): boolean {
  return Object.hasOwn(reserved, name);
}
