import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import type { Plan, PlanDataSource, PlanStage, PlanSynthetic } from "../../compiler/plan.ts";

/** A temporary folder that goes when the test file is done. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "ctx-data-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Tiny deterministic texts: numbered words, so that a token can be traced back to its document. */
export function writeTexts(folder: string, documents: number, words: (document: number) => number): void {
  for (let d = 0; d < documents; d++) {
    const text = Array.from(
      { length: words(d) },
      (_, w) => `${"abcdefghij"[(d * 7 + w * 3) % 10]}${"aeiou"[w % 5]}n d${d}w${w}`,
    );
    writeFileSync(join(folder, `doc${String(d).padStart(3, "0")}.txt`), `${text.join(" ")}.\n`);
  }
}

export function filesSource(name: string, files: string[], more: Partial<PlanDataSource> = {}): PlanDataSource {
  return {
    name,
    kind: "files",
    files,
    format: null,
    text: null,
    chat: null,
    loss: "all",
    holdout_every: 0,
    min_tokens: 0,
    max_tokens: null,
    synthesize: null,
    ...more,
  };
}

export function syntheticSource(name: string, settings: Partial<PlanSynthetic>): PlanDataSource {
  const synthesize: PlanSynthetic = {
    kind: "needle",
    haystack: "texts",
    digits: 6,
    count: 1,
    answer_weight: 5,
    text_weight: 1,
    at_start: 0.1,
    at_end: 0.5,
    repeats: 1,
    segment: [4, 24],
    gap: 8,
    ...settings,
  };
  return { ...filesSource(name, []), kind: "synthetic", synthesize };
}

export interface StageSettings {
  length: number;
  steps: number;
  sequences: number;
  mix: { [source: string]: number };
  context?: number;
  chunks?: number;
  micro_batch?: number;
}

export function stage(s: StageSettings): PlanStage {
  const micro_batch = s.micro_batch ?? s.sequences;
  return {
    name: `s${s.length}`,
    length: s.length,
    context: s.context ?? s.length,
    steps: s.steps,
    sequences: s.sequences,
    tokens: s.steps * s.sequences * s.length,
    mix: s.mix,
    positions: s.chunks ? { kind: "pose", chunks: s.chunks } : { kind: "plain", chunks: 1 },
    parallel: {
      devices: 1,
      ring: 1,
      layout: "zigzag",
      data_parallel: 1,
      micro_batch,
      accumulation: s.sequences / micro_batch,
    },
    // The rest of a stage is nothing to the data.
  } as PlanStage;
}

export interface PlanSettings {
  sources: PlanDataSource[];
  stages?: PlanStage[];
  seed?: number;
  documents?: "mask" | "join";
  overflow?: "split" | "drop";
  tokenizer?: string;
  vocab?: number;
  special?: boolean;
}

/** A plan with the fields that the data looks at: a new model with its own tokenizer unless `tokenizer` names a file. */
export function plan(p: PlanSettings): Plan {
  const special = p.special ?? true;
  return {
    seed: p.seed ?? 1,
    model: {
      from: null,
      vocab_size: p.tokenizer ? 200_000 : (p.vocab ?? 400),
      bos_token_id: special ? 0 : null,
      eos_token_id: special ? 1 : null,
    },
    tokenizer: p.tokenizer
      ? { kind: "file", path: p.tokenizer, vocab: null }
      : { kind: "bpe", path: null, vocab: p.vocab ?? 400 },
    data: { sources: p.sources, documents: p.documents ?? "mask", overflow: p.overflow ?? "split" },
    stages: p.stages ?? [],
  } as unknown as Plan;
}
