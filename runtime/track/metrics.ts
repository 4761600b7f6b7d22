import { closeSync, existsSync, openSync } from "node:fs";
import { Failure, messageOf } from "../run/failure.ts";
import { readText, writeAll, writeAtomic, writeFailure } from "../run/files.ts";
import { stepFault } from "../run/shapes.ts";

/** One line of metrics.jsonl: one optimizer step. Losses are mean negative log-likelihoods in nats. */
export interface StepMetrics {
  stage: string;
  /** Step of the stage, from 1. */
  step: number;
  /** Step of the whole run, from 1. */
  global_step: number;
  /** What is minimised: mean over all targets by their weights; null where it was no finite number. */
  loss: number | null;
  /** Plain mean over ordinary text targets; null when the step had none. */
  text_loss: number | null;
  /** Plain mean over the answers of synthetic questions; null when the step had none. */
  answer_loss: number | null;
  /** Share of answer tokens that were the most likely token. */
  answer_accuracy: number | null;
  lr: number;
  /** Global gradient norm before clipping; null where it was no finite number: the step changed no weight then. */
  grad_norm: number | null;
  tokens: number;
  tokens_per_second: number;
  /** Wall time of the step. */
  seconds: number;
  /** Bytes of the engine's arena. */
  memory_bytes: number;
  /** Peak resident memory of the process so far. */
  rss_bytes: number;
  /** ISO time. */
  time: string;
}

/** Appends to metrics.jsonl, one write for each line. */
export class MetricsFile {
  readonly #path: string;
  readonly #descriptor: number;

  constructor(path: string) {
    this.#path = path;
    try {
      this.#descriptor = openSync(path, "a");
    } catch (error) {
      throw writeFailure(path, error);
    }
  }

  add(metrics: StepMetrics): void {
    try {
      writeAll(this.#descriptor, `${JSON.stringify(metrics)}\n`);
    } catch (error) {
      throw writeFailure(this.#path, error);
    }
  }

  close(): void {
    try {
      closeSync(this.#descriptor);
    } catch (error) {
      throw writeFailure(this.#path, error);
    }
  }
}

/**
 * All complete lines of metrics.jsonl; a last line cut off by a kill is left out. Empty when there is no file.
 *
 * @throws Failure naming the line that is no step's, wherever else it stands: what follows it must not be lost for its sake
 */
export function readMetrics(path: string): StepMetrics[] {
  if (!existsSync(path)) return [];
  const steps: StepMetrics[] = [];
  const lines = readText(path).split("\n");
  for (const [k, line] of lines.entries()) {
    if (line === "") continue;
    let step: unknown;
    let fault: string | null;
    try {
      step = JSON.parse(line);
      fault = stepFault(step);
    } catch (error) {
      fault = messageOf(error);
    }
    if (fault === null) steps.push(step as StepMetrics);
    else if (k < lines.length - 1)
      throw new Failure("input", `${path}:${k + 1} does not tell of a step: ${fault}`, "mend this line, or delete it");
  }
  return steps;
}

/** Drops the steps after `lastStep`: a resumed run does them again. */
export function truncateMetrics(path: string, lastStep: number): void {
  if (!existsSync(path)) return;
  const kept = readMetrics(path).filter((metrics) => metrics.global_step <= lastStep);
  writeAtomic(path, kept.map((metrics) => `${JSON.stringify(metrics)}\n`).join(""));
}
