import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { scoringAtOnce } from "../../compiler/memory/index.ts";
import { promisedContext, shownContext, standsOnBase } from "../../compiler/model/index.ts";
import type { Plan, PlanEvaluate, PlanRope, PlanStage } from "../../compiler/plan.ts";
import { PlanDataset } from "../data/data.ts";
import type { NativeEngine } from "../engine/addon.ts";
import { cancelOnStop } from "../engine/cancel.ts";
import { evaluateModel } from "../evaluate/evaluate_model.ts";
import type { EvaluationResult } from "../evaluate/result.ts";
import { fillAdapterFolder } from "../export/adapter_folder.ts";
import { fillModelFolder, readBaseConfig } from "../export/model_folder.ts";
import { resultSentence } from "../report/headline.ts";
import { writeReport } from "../report/write.ts";
import { MetricsFile, truncateMetrics } from "../track/metrics.ts";
import { EventWriter } from "../track/tensorboard.ts";
import { type Checkpoint, newestCheckpoint, saveCheckpoint } from "../train/checkpoint.ts";
import { describeCpu, describeGpus, gpusOf, groupsHere } from "../train/gpus.ts";
import { dividesWeights, type Machine, trainingEngine } from "../train/stage_engine.ts";
import { trainStage } from "../train/train_stage.ts";
import { checkMachine } from "./check_machine.ts";
import { checkText } from "./check_text.ts";
import type { Listener, StopSignal } from "./events.ts";
import { Failure } from "./failure.ts";
import { offloadFailure, readText, sweepLeftovers, writeFailure, writeFolder, writeJson } from "./files.ts";
import type { RunFolder } from "./folder.ts";
import { lockFolder } from "./lock.ts";
import { refusePlanned } from "./refuse_planned.ts";
import { planHash } from "./resume.ts";
import { readEvaluation } from "./shapes.ts";
import { baseFolder, baseName, loadStart } from "./start_weights.ts";

export interface CarryOutOptions {
  plan: Plan;
  /** Folder that holds plan.json already. */
  folder: RunFolder;
  /** Folder that the plan's paths start from. */
  base: string;
  machine: Machine;
  /** `checkMachine` has been through: a new run asks before it makes its folder. */
  machineChecked?: boolean;
  /** Save after every so many steps; null: about once a minute. */
  checkpointEvery: number | null;
  listen: Listener;
  stop: StopSignal;
}

export interface RunOutcome {
  /** `gated`: an evaluation did not reach what the recipe asks for, and the recipe says to stop then. */
  status: "complete" | "gated";
  report: string;
  /** What came out, in a sentence or two. */
  sentence: string;
}

/**
 * Carries a plan out, from wherever its folder shows that it stands: a stage whose folder is there is done, an evaluation
 * whose file is there is not repeated, and a stage in between goes on from its newest checkpoint.
 *
 * @throws Failure, of kind "interrupted" when the user asked to stop; what was done is saved.
 */
export async function carryOut(options: CarryOutOptions): Promise<RunOutcome> {
  const { root, checkpoints, stages, evaluations } = options.folder;
  const lock = lockFolder(root);
  try {
    for (const folder of [root, checkpoints, stages, evaluations]) sweepLeftovers(folder);
    return await new Run(options).carryOut();
  } finally {
    lock.release();
  }
}

class Run {
  readonly #options: CarryOutOptions;
  readonly #plan: Plan;
  readonly #folder: RunFolder;
  readonly #hash: string;
  #way = "";

  constructor(options: CarryOutOptions) {
    this.#options = options;
    this.#plan = options.plan;
    this.#folder = options.folder;
    this.#hash = planHash(readText(options.folder.plan));
  }

  async carryOut(): Promise<RunOutcome> {
    const { plan: _, listen, stop, base } = this.#options;
    refusePlanned(this.#plan);
    const origin = baseFolder(this.#plan, base);
    if (!this.#options.machineChecked) checkMachine(this.#plan, this.#options.machine, origin);
    this.#noteDevices();
    const data = await this.#openData();
    try {
      await checkText(this.#plan, data, origin);
      if (this.#plan.before && origin !== null) {
        await this.#evaluate(
          "before",
          origin,
          this.#plan.model.rope,
          this.#plan.model.context,
          this.#plan.before,
          data,
        );
      }
      for (const [index, stage] of this.#plan.stages.entries()) {
        if (!existsSync(join(this.#folder.stages, stage.name))) await this.#train(index, stage, data);
        if (stop.requested) throw new Failure("interrupted", `stopped after stage ${stage.name}; the state is saved`);
        if (!stage.evaluate) continue;
        const result = await this.#evaluate(
          stage.name,
          join(this.#folder.stages, stage.name),
          stage.rope,
          stage.context,
          stage.evaluate,
          data,
        );
        if (result.gate && !result.gate.passed) {
          listen({ kind: "note", text: `gate of stage ${stage.name}: ${result.gate.reasons.join("; ")}` });
          if (result.gate.otherwise === "stop") return this.#finish("gated");
        }
      }
      return this.#finish("complete");
    } finally {
      data.close();
    }
  }

  /** Tells where other devices compute than those that the plan is for. */
  #noteDevices(): void {
    const { machine, listen } = this.#options;
    const { hardware, stages } = this.#plan;
    const largest = stages.reduce((most, stage) => (stage.parallel.devices > most.parallel.devices ? stage : most));
    const { devices } = largest.parallel;
    if (hardware.kind !== "cuda") return;
    const whole = largest.parallel.shard === "all" && !dividesWeights(machine, largest);
    const used = machine.job?.ranks.size ?? new Set(gpusOf(machine, largest)).size;
    if (machine.device === "cuda" && used === devices) return;
    if (machine.device === "cuda" && hardware.devices === 1 && !machine.job) return;
    const here = machine.device === "cpu" ? describeCpu(machine) : describeGpus(machine, largest);
    const kept = whole ? ", which holds all weights and gradients: there is nobody to divide them with" : "";
    listen({ kind: "note", text: `the plan is for ${hardware.devices} × ${hardware.name}; here ${here}${kept}` });
  }

  /** Tells once how GPUs of several processes speak to each other. */
  #noteWay(way: string): void {
    if (way === this.#way) return;
    this.#way = way;
    const text = `the GPUs of these processes pass keys, values and gradients on ${way}`;
    this.#options.listen({ kind: "note", text });
  }

  /** Tokenises what is not in the cache yet. */
  async #openData(): Promise<PlanDataset> {
    const { listen, stop, base } = this.#options;
    const title = this.#plan.tokenizer.kind === "bpe" ? "training the tokenizer and tokenising" : "tokenising";
    listen({ kind: "phase", title });
    const data = await PlanDataset.open(this.#plan, base, {
      onProgress: ({ files, ofFiles }) => listen({ kind: "progress", done: files, total: ofFiles, unit: "files" }),
      stop,
    });
    const tokens = [...data.sources.values()].reduce((sum, source) => sum + source.statistics.train.tokens, 0);
    listen({ kind: "done", title: `data ready: ${tokens.toLocaleString("en-US")} tokens to learn from` });
    return data;
  }

  async #evaluate(
    name: string,
    weights: string,
    rope: PlanRope,
    context: number,
    evaluate: PlanEvaluate,
    data: PlanDataset,
  ): Promise<EvaluationResult> {
    const path = join(this.#folder.evaluations, `${name}.json`);
    if (existsSync(path)) return readEvaluation(path);
    const { machine, listen, stop } = this.#options;
    const { model, seed, hardware } = this.#plan;
    const shared = { machine, listen, stop, data, model, seed, devices: scoringAtOnce(hardware) };
    const result = await evaluateModel({ ...shared, name, folder: weights, rope, context, evaluate });
    writeJson(path, result);
    return result;
  }

  /** @throws Failure of kind "interrupted" when it was stopped in between; the state is saved then. */
  async #train(index: number, stage: PlanStage, data: PlanDataset): Promise<void> {
    const { listen, stop, machine } = this.#options;
    const { name, length, steps } = stage;
    const count = this.#plan.stages.length;
    listen({ kind: "stage", name, index, count, length, context: shownContext(stage), steps });
    const newest = await this.#newestCheckpoint();
    const engine = trainingEngine(machine, this.#plan, stage, this.#folder.root);
    this.#noteWay(engine.way());
    const globalBefore = this.#plan.stages.slice(0, index).reduce((sum, before) => sum + before.steps, 0);
    const tracks: { close(): void }[] = [];
    try {
      const load = () => loadStart({ ...this.#options, engine, index, newest });
      const { done, adamStep } = await cancelOnStop(engine, stop, load);
      if (done > 0) listen({ kind: "note", text: `going on after step ${done} of stage ${name}` });
      truncateMetrics(this.#folder.metrics, globalBefore + done);
      const metrics = new MetricsFile(this.#folder.metrics);
      tracks.push(metrics);
      const resumed = globalBefore + done > 0 ? globalBefore + done + 1 : null;
      const events = new EventWriter(this.#folder.events, Date.now() / 1000, resumed);
      tracks.push(events);
      const groups = groupsHere(machine, stage);
      const stream = data.stage(index, groups);
      const adamBefore = adamStep - done;
      const finished = await trainStage({
        engine,
        stage,
        batch: (step) => stream.batch(step),
        done,
        globalBefore,
        adamBefore,
        groups,
        record: (line) => {
          metrics.add(line);
          const { loss, text_loss, answer_loss, answer_accuracy, lr, grad_norm, tokens_per_second } = line;
          const values = {
            loss,
            "loss/text": text_loss,
            "loss/answers": answer_loss,
            "accuracy/answers": answer_accuracy,
          };
          events.scalars(line.global_step, Date.now() / 1000, { ...values, lr, grad_norm, tokens_per_second });
        },
        checkpoint: (step) => this.#checkpoint(engine, stage, index, step, globalBefore + step, adamBefore + step),
        checkpointEvery: this.#options.checkpointEvery,
        lastCheckpoint: newest?.folder ?? null,
        listen,
        stop,
      });
      if (!finished) throw new Failure("interrupted", `stopped in stage ${name}; the state is saved`);
      await this.#saveStage(engine, index, stage, data);
    } catch (error) {
      throw offloadFailure(error);
    } finally {
      await engine.close();
      for (const track of tracks) track.close();
    }
  }

  async #newestCheckpoint(): Promise<Checkpoint | null> {
    const note = (text: string) => this.#options.listen({ kind: "note", text });
    const newest = await newestCheckpoint(this.#folder.checkpoints, note);
    if (newest && newest.state.plan_sha256 !== this.#hash) {
      throw new Failure(
        "input",
        `${this.#folder.plan} is not the plan that ${newest.folder} was made with`,
        "put the old plan.json back, or start a new run",
      );
    }
    return newest;
  }

  async #checkpoint(
    engine: NativeEngine,
    stage: PlanStage,
    index: number,
    step: number,
    globalStep: number,
    adamStep: number,
  ): Promise<string> {
    const state = {
      stage: stage.name,
      stage_index: index,
      step,
      global_step: globalStep,
      adam_step: adamStep,
      plan_sha256: this.#hash,
    };
    const folder = await saveCheckpoint(this.#folder.checkpoints, engine, state);
    this.#options.listen({ kind: "checkpoint", folder, step });
    return folder;
  }

  /** The stage's weights as a Hugging Face folder in fp32, adapters merged; the adapter besides, as PEFT reads it. */
  async #saveStage(engine: NativeEngine, index: number, stage: PlanStage, data: PlanDataset): Promise<void> {
    const { base } = this.#options;
    const path = join(this.#folder.stages, stage.name);
    try {
      await writeFolder(path, async (aside) => {
        const baseConfig = readBaseConfig(baseFolder(this.#plan, base));
        await fillModelFolder(aside, {
          engine,
          plan: this.#plan,
          rope: stage.rope,
          context: promisedContext(this.#plan, index),
          dtype: "f32",
          tokenizer: data.tokenizer.folder,
          baseConfig,
        });
        if (stage.train.lora && standsOnBase(this.#plan, index)) {
          mkdirSync(join(aside, "adapter"));
          await fillAdapterFolder(join(aside, "adapter"), engine, stage.train.lora, "f32", baseName(this.#plan, base));
        }
      });
    } catch (error) {
      throw writeFailure(path, error);
    }
  }

  #finish(status: "complete" | "gated"): RunOutcome {
    this.#options.listen({ kind: "phase", title: "writing the report" });
    const [record] = writeReport([this.#folder.root], this.#folder.report);
    this.#options.listen({ kind: "done", title: "report" });
    return { status, report: this.#folder.report, sentence: resultSentence(record!) };
  }
}
