/** What hovers tell of a recipe's model, its sources and the stages that `previous` means, as markdown. */
import type { Host } from "../../compiler/host.ts";
import type { Plan, PlanModel, PlanStage } from "../../compiler/plan.ts";
import { passes, shareOf, surveyOf } from "../../compiler/survey/index.ts";
import { showCount } from "../../compiler/values/amounts.ts";
import { showAbout, showNumber, showRatio, showTokens } from "../../compiler/values/show.ts";
import type { BlockNode, FileNode, Statement } from "../../grammar/ast.ts";
import { showTheta, table } from "./stage_values.ts";

/** The model's configuration, as its config.json or the recipe has it. */
export function modelTable(model: PlanModel): string {
  const heads =
    model.kv_heads === model.heads ? `${model.heads}` : `${model.heads}, of keys and values ${model.kv_heads}`;
  const promised = model.promised_context === undefined ? "" : ` (config.json: ${showTokens(model.promised_context)})`;
  const method = model.rope.method === "default" ? "" : `, ${model.rope.method}`;
  return table(
    ["model", model.family],
    [
      ["parameters", showCount(model.parameters)],
      ["layers", `${model.layers}`],
      ["hidden", showNumber(model.hidden_size)],
      ["heads", heads],
      ["head_dim", `${model.head_dim}`],
      ["trained context", `${showTokens(model.context)}${promised}`],
      ["theta", `${showTheta(model.rope.theta)}${method}`],
      ["vocabulary", showNumber(model.vocab_size)],
    ],
  );
}

/** What each stage reads of a source and, where its files can be looked into, how often that goes through it. */
export function sourceTable(name: string, plan: Plan, host: Host): string {
  const source = plan.data.sources.find((each) => each.name === name);
  if (!source) return "";
  const survey = surveyOf(source, plan, host);
  const passing = survey?.documents.length ? shareOf(survey.documents, (each) => passes(source, each)).tokens : 1;
  const kept = source.holdout_every > 0 ? 1 - 1 / source.holdout_every : 1;
  const have = (survey?.tokens ?? 0) * passing * kept;
  const row = (where: string, share: string, tokens: number) => [
    ...[where, share, showNumber(Math.round(tokens))],
    ...(have > 0 ? [showAbout(tokens / have)] : []),
  ];
  const read = (stage: PlanStage) => stage.tokens * (stage.mix[name] ?? 0);
  const rows = plan.stages.map((stage) => row(stage.name, showRatio(stage.mix[name] ?? 0), read(stage)));
  if (rows.length > 1)
    rows.push(
      row(
        "all",
        "",
        plan.stages.reduce((sum, stage) => sum + read(stage), 0),
      ),
    );
  const shown = table(["stage", "share", "tokens", ...(have > 0 ? ["epochs"] : [])], rows);
  return have > 0 ? `about ${showAbout(have)} tokens to train on\n\n${shown}` : shown;
}

/** The stage that `previous` means at each of `stages`: the one before, unless the stage's `rope` or the recipe's names another. */
export function previousTable(
  stages: readonly PlanStage[],
  all: readonly PlanStage[],
  trees: readonly FileNode[],
): string {
  const body = trees.flatMap((tree) => tree.body);
  const rows = stages.map((stage) => {
    const own = body.find((node) => node.kind === "block" && node.label?.name === stage.name);
    const named = (own?.kind === "block" ? namedPrevious(own.body) : undefined) ?? namedPrevious(body);
    const before = named ? all.find(({ name }) => name === named) : all[all.indexOf(stage) - 1];
    return before
      ? [stage.name, before.name, showTokens(before.length), showTheta(before.rope.theta)]
      : [stage.name, named ?? "the base model", "", ""];
  });
  return rows.length > 0 ? table(["stage", "previous", "length", "theta"], rows) : "";
}

function namedPrevious(body: readonly Statement[]): string | undefined {
  const rope = body.find((node): node is BlockNode => node.kind === "block" && node.type.name === "rope");
  for (const node of rope?.body ?? [])
    if (node.kind === "property" && node.name.name === "previous" && node.value.kind === "name") return node.value.name;
  return undefined;
}
