import { existsSync } from "node:fs";
import { join } from "node:path";
import { baseContext, readModelConfig } from "../../compiler/model/index.ts";
import type {
  Plan,
  PlanDataSource,
  PlanEvaluate,
  PlanModel,
  PlanNeedle,
  PlanPerplexity,
  PlanRope,
} from "../../compiler/plan.ts";
import { PlanDataset } from "../data/data.ts";
import { checkEvaluation, checkThreads } from "../run/check_machine.ts";
import type { Listener, StopSignal } from "../run/events.ts";
import { Failure } from "../run/failure.ts";
import { readText } from "../run/files.ts";
import { isRunFolder, readPlan, runFolder } from "../run/folder.ts";
import { refusePlannedModel } from "../run/refuse_planned.ts";
import { readOrigin } from "../run/shapes.ts";
import { baseFolder, expectWeights } from "../run/start_weights.ts";
import type { Machine } from "../train/stage_engine.ts";
import { evaluateModel } from "./evaluate_model.ts";
import { checkEvaluatedText } from "./evaluated_text.ts";
import type { EvaluationResult } from "./result.ts";

export interface EvaluateFolderOptions {
  machine: Machine;
  needle: boolean;
  /** Files whose text the needles are hidden in; empty: the perplexity files, or a run's held-out text. */
  haystack: string[];
  perplexity: boolean;
  /** Files to measure perplexity on; empty: a run's held-out text. */
  files: string[];
  /** null: the model's context and halves of it. */
  lengths: number[] | null;
  depths: number;
  /** null: 20 questions a cell, 8 windows a length. */
  samples: number | null;
  digits: number;
  /** Of a run: which stage's model; `before` for the base model; null: the last one. */
  stage: string | null;
  listen: Listener;
  stop: StopSignal;
}

/** What is evaluated, wherever it came from. */
interface Subject {
  name: string;
  folder: string;
  plan: Plan;
  /** Folder that the plan's paths start from. */
  base: string;
  rope: PlanRope;
  context: number;
  /** What the plan itself asks for. */
  planned: PlanEvaluate | null;
}

/**
 * Evaluates a run, or any Hugging Face folder of a family that the engine computes. With neither test asked for, a run gets what its own
 * plan foresees.
 */
export async function evaluateFolder(root: string, options: EvaluateFolderOptions): Promise<EvaluationResult> {
  const subject = isRunFolder(root) ? ofRun(root, options.stage) : ofModel(root, options);
  const evaluate = whatToEvaluate(subject, options);
  checkEvaluation("the evaluation", evaluate, subject.plan.model, options.machine);
  checkThreads(options.machine, 1);
  await expectWeights(subject.folder, subject.plan.model);
  options.listen({ kind: "phase", title: "tokenising" });
  const data = await PlanDataset.open(subject.plan, subject.base, {
    onProgress: ({ files, ofFiles }) =>
      options.listen({ kind: "progress", done: files, total: ofFiles, unit: "files" }),
    stop: options.stop,
  });
  options.listen({ kind: "done", title: "text ready" });
  try {
    await checkEvaluatedText("the evaluation", evaluate, data);
    return await evaluateModel({
      machine: options.machine,
      listen: options.listen,
      stop: options.stop,
      name: subject.name,
      folder: subject.folder,
      model: subject.plan.model,
      rope: subject.rope,
      context: subject.context,
      evaluate,
      devices: Number.POSITIVE_INFINITY,
      data,
      seed: subject.plan.seed,
    });
  } finally {
    data.close();
  }
}

function ofRun(root: string, wanted: string | null): Subject {
  const folder = runFolder(root);
  const plan = readPlan(folder.plan);
  const { base } = readOrigin(folder.origin);
  if (wanted === "before") {
    const weights = baseFolder(plan, base);
    if (weights === null) throw new Failure("usage", "this run started from nothing: there is no model before it");
    const { rope, context } = plan.model;
    return { name: "before", folder: weights, plan, base, rope, context, planned: plan.before };
  }
  const done = plan.stages.filter((stage) => existsSync(join(folder.stages, stage.name)));
  const stage = wanted === null ? done.at(-1) : done.find((candidate) => candidate.name === wanted);
  if (!stage) {
    throw new Failure(
      "input",
      wanted === null ? `no stage of ${root} is done yet` : `${root} has no finished stage ${wanted}`,
      `finished: ${done.map((candidate) => candidate.name).join(", ") || "none"}`,
    );
  }
  const { name, rope, context, evaluate } = stage;
  return { name, folder: join(folder.stages, name), plan, base, rope, context, planned: evaluate };
}

/** A plan without stages that says about a folder what evaluation needs to know. */
function ofModel(root: string, options: EvaluateFolderOptions): Subject {
  const model = readModel(root);
  const haystack = options.haystack.length > 0 ? options.haystack : options.files;
  if (options.needle && haystack.length === 0) {
    throw new Failure("usage", "--needle on a model folder needs text to hide facts in", "name files with --haystack");
  }
  if (options.perplexity && options.files.length === 0) {
    throw new Failure("usage", "--perplexity on a model folder needs files", "name them: --perplexity book.txt");
  }
  if (!options.needle && !options.perplexity) {
    throw new Failure(
      "usage",
      "nothing to evaluate: a model folder, unlike a run, does not say what",
      "add --perplexity book.txt, or --needle --haystack book.txt, or both",
    );
  }
  const plan: Plan = {
    version: 2,
    recipe: "eval",
    source: { file: root, sha256: "" },
    seed: 0,
    model,
    tokenizer: { kind: "file", path: join(root, "tokenizer.json"), vocab: null },
    data: { sources: [], documents: "mask", overflow: "split" },
    stages: [],
    before: null,
    export: { dtype: "f32", merge: true },
    hardware: {
      name: "this machine",
      kind: "cpu",
      devices: 1,
      devices_per_host: 1,
      device_bytes: 0,
      host_bytes: 0,
      peak_flops: 0,
      peak_flops_bf16: 0,
      efficiency: 0,
      efficiency_bf16: 0,
      memory_bytes_per_second: 0,
      link_bytes_per_second: 0,
      network_bytes_per_second: 0,
      origin: "",
    },
    defaults: [],
    trace: {},
  };
  if (options.needle) plan.data.sources.push(heldOutWhole("haystack", haystack));
  return {
    name: "model",
    folder: root,
    plan,
    base: process.cwd(),
    rope: model.rope,
    context: baseContext(model),
    planned: null,
  };
}

/** A source all of whose documents are for evaluation. */
function heldOutWhole(name: string, files: string[]): PlanDataSource {
  return {
    name,
    kind: "files",
    files,
    format: null,
    text: null,
    chat: null,
    loss: "all",
    holdout_every: 1,
    min_tokens: 0,
    max_tokens: null,
    synthesize: null,
  };
}

function readModel(root: string): PlanModel {
  const { model, findings } = readModelConfig(readText(join(root, "config.json")), root);
  const errors = findings.filter((finding) => finding.severity === "error").map((finding) => finding.message);
  if (!model) {
    const hint = "correct config.json, or take it over from the model anew";
    throw new Failure("input", `${join(root, "config.json")}: ${errors.join(" ")}`, hint);
  }
  refusePlannedModel(model, root);
  return model;
}

function whatToEvaluate(subject: Subject, options: EvaluateFolderOptions): PlanEvaluate {
  if (!options.needle && !options.perplexity) {
    if (subject.planned) return subject.planned;
    throw new Failure("usage", "the plan foresees no evaluation here", "ask for --needle, --perplexity, or both");
  }
  const lengths = options.lengths ?? halves(subject.context);
  const planned = subject.planned ?? subject.plan.before;
  const needle: PlanNeedle | null = options.needle
    ? {
        lengths,
        depths: Array.from({ length: options.depths }, (_, n) =>
          options.depths === 1 ? 0.5 : n / (options.depths - 1),
        ),
        samples: options.samples ?? 20,
        haystack: subject.name === "model" ? "haystack" : (planned?.needle?.haystack ?? heldOutSource(subject.plan)),
        digits: options.digits,
      }
    : null;
  const perplexity: PlanPerplexity | null = options.perplexity
    ? {
        files: options.files,
        source: options.files.length > 0 ? null : (planned?.perplexity?.source ?? heldOutSource(subject.plan)),
        lengths,
        samples: options.samples ?? 8,
      }
    : null;
  return { needle, perplexity, gate: null };
}

/** First source of files that holds documents back. */
function heldOutSource(plan: Plan): string {
  const source = plan.data.sources.find((candidate) => candidate.kind === "files" && candidate.holdout_every > 0);
  if (!source)
    throw new Failure(
      "input",
      "no source of the run holds documents back for evaluation",
      "name files with --perplexity",
    );
  return source.name;
}

/** The context and four halves of it, shortest first, none below 64. */
function halves(context: number): number[] {
  return [16, 8, 4, 2, 1].map((part) => Math.floor(context / part)).filter((length) => length >= 64);
}
