/**
 * The examples of docs/errors show only what they are about. What else a recipe needs stands here: a model, data, a theta
 * that suits the length, and a stage, each only where the example has none.
 */
export function wholeRecipe(example: string): string {
  const has = (pattern: RegExp) => pattern.test(example);
  const parts = [example.trimEnd()];
  if (!has(/^\s*model\b/m)) parts.push('model { from = "meta-llama/Meta-Llama-3-8B" }');
  if (!has(/^data\b/m)) parts.push('data { source books { files = "books/*.jsonl" } }');
  // A tiny model of the example's own keeps its table.
  const ownModel = has(/^model\b.*(models\/|new =)/m);
  if (!has(/^\s*rope\b/m) && !ownModel) parts.push("rope { theta = critical_base(length) }");
  if (!has(/^(stage|curriculum)\b/m) && !has(/^recipe empty/m)) {
    parts.push("stage s64k { length = 64Ki  steps = 50  batch = 16 }");
  }
  return `${parts.join("\n")}\n`;
}
