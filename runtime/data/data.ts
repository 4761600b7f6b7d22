import { resolve } from "node:path";
import type { Plan, PlanDataSource } from "../../compiler/plan.ts";
import { StopSignal } from "../run/events.ts";
import { planTokenizer } from "../tokenizer/plan_tokenizer.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { DataError } from "./data_error.ts";
import { type DocumentStatistics, Documents, partition } from "./documents.ts";
import { BEGINNING, EpochStream, type Place } from "./epochs.ts";
import { type DataFormat, expandFiles } from "./files.ts";
import { stageMix } from "./mix.ts";
import { Random } from "./random.ts";
import { longestDocument, StageStream, type StreamSource } from "./stream.ts";
import { SyntheticSource } from "./synthetic.ts";
import { cachePlace } from "./token_cache.ts";
import type { TokenFile } from "./token_file.ts";
import { type TokenizeProgress, tokenize } from "./tokenize.ts";

export interface OpenDataOptions {
  /** Where tokens are kept; when absent, see `cachePlace`. */
  cache?: string;
  onProgress?: TokenizeProgress;
  /** Ends the work when asked to. */
  stop?: StopSignal;
}

/** A source of files, tokenised. */
export interface DataSource {
  name: string;
  /** Never contains a held-out document. */
  train: Documents;
  holdout: Documents;
  /** What evaluations read: the held-out documents, or all where the plan holds none out. */
  evaluated: Documents;
  statistics: { train: DocumentStatistics; holdout: DocumentStatistics /** Documents without text. */; empty: number };
}

/** All data of a plan, open for training and evaluation. */
export class PlanDataset {
  private constructor(
    private readonly plan: Plan,
    private readonly folder: string,
    private readonly options: Required<Pick<OpenDataOptions, "cache">> & OpenDataOptions,
    readonly tokenizer: Tokenizer,
    /** Sources of files by name. */
    readonly sources: ReadonlyMap<string, DataSource>,
    private readonly synthetic: ReadonlyMap<string, SyntheticSource>,
    private readonly open: TokenFile[],
  ) {}

  /**
   * Loads (or trains) the tokenizer, tokenises what isn't in the cache yet, and opens everything.
   *
   * @param folder the recipe's folder
   * @throws DataError on anything wrong with files or tokenizer
   */
  static async open(plan: Plan, folder: string, options: OpenDataOptions = {}): Promise<PlanDataset> {
    const cache = resolve(options.cache ?? cachePlace(resolve(folder)));
    const tokenizer = await planTokenizer(plan, folder, cache, options.stop);
    const sources = new Map<string, DataSource>();
    const synthetic = new Map<string, SyntheticSource>();
    const files: TokenFile[] = [];
    const dataset = new PlanDataset(plan, folder, { ...options, cache }, tokenizer, sources, synthetic, files);
    try {
      for (const source of plan.data.sources)
        if (source.kind === "files") sources.set(source.name, await dataset.openSource(source));
      for (const { name, synthesize } of plan.data.sources) {
        if (!synthesize) continue;
        const haystack = sources.get(synthesize.haystack);
        if (!haystack && synthesize.kind !== "copy")
          throw new DataError(
            `source ${name}: its haystack ${synthesize.haystack} is not a source of files`,
            "name a source that has files",
          );
        synthetic.set(name, await SyntheticSource.create(name, synthesize, haystack?.train ?? null, tokenizer));
      }
    } catch (error) {
      dataset.close();
      throw error;
    }
    return dataset;
  }

  /**
   * The batches of stage `index`. A source goes on where earlier stages left it, so nothing repeats before all was seen.
   *
   * @param groups data-parallel groups: micro batches become smaller where they would leave one without
   */
  stage(index: number, groups = 1): StageStream {
    const stage = this.plan.stages[index];
    if (!stage) throw new RangeError(`the plan has no stage ${index}`);
    const sources = new Map<string, StreamSource>();
    for (const [name, source] of this.synthetic) sources.set(name, { kind: "synthetic", source });
    const stops = this.stops(index);
    for (const [name, source] of this.sources)
      sources.set(name, { kind: "text", documents: source.train, from: stops.get(name) ?? BEGINNING });
    return new StageStream(stage, index, this.plan.seed, this.plan.data, sources, groups);
  }

  /**
   * Makes what a stage can be found wanting by before it trains: its streams, and a row of each synthetic source of its mix.
   *
   * @throws DataError when a source has no text, or no row of it fits into the stage's length
   */
  async checkStage(index: number): Promise<void> {
    this.stage(index);
    const { name: stage, mix, length } = this.plan.stages[index]!;
    for (const [name, source] of this.synthetic)
      if ((mix[name] ?? 0) > 0) await source.row(length, Random.of(this.plan.seed, "check", stage, name));
  }

  /** Documents of files that are only evaluated, each file's documents in order. Opened once, whoever asks again. */
  documents(patterns: string[]): Promise<Documents> {
    const name = patterns.join(", ");
    const documents = this.evaluatedFiles.get(name) ?? this.openEvaluated(name, patterns);
    this.evaluatedFiles.set(name, documents);
    return documents;
  }
  private readonly evaluatedFiles = new Map<string, Promise<Documents>>();

  private async openEvaluated(name: string, patterns: string[]): Promise<Documents> {
    const file = await this.tokenize(name, patterns, null, { text: null, chat: null }, "all");
    const { train } = partition(file, { holdout_every: 0, min_tokens: 0, max_tokens: null });
    return new Documents(name, file, train, this.tokenizer);
  }

  close(): void {
    for (const file of this.open.splice(0)) file.close();
  }

  private async openSource(source: PlanDataSource): Promise<DataSource> {
    const { name, files, format, text, chat, loss } = source;
    const file = await this.tokenize(name, files, format, { text, chat }, loss);
    const { train, holdout } = partition(file, source);
    const part = (label: string, numbers: number[]) => new Documents(label, file, numbers, this.tokenizer);
    const parts = {
      train: part(`source ${name}`, train),
      holdout: part(`the held-out part of source ${name}`, holdout),
    };
    const statistics = {
      train: parts.train.statistics(),
      holdout: parts.holdout.statistics(),
      empty: file.manifest.empty,
    };
    const evaluated = source.holdout_every > 0 ? parts.holdout : parts.train;
    return { name, ...parts, evaluated, statistics };
  }

  private async tokenize(
    source: string,
    patterns: string[],
    format: DataFormat | null,
    columns: { text: string | null; chat: string | null },
    loss: "all" | "assistant",
  ): Promise<TokenFile> {
    const files = expandFiles(patterns, this.folder, format);
    const { cache, onProgress, stop = new StopSignal() } = this.options;
    const file = await tokenize({ source, files, columns, loss, tokenizer: this.tokenizer, cache, onProgress, stop });
    this.open.push(file);
    const { vocab_size } = this.plan.model;
    if (file.manifest.largest_id >= vocab_size)
      throw new DataError(
        `the tokenizer in ${this.tokenizer.folder} gives id ${file.manifest.largest_id}, but the model's vocabulary has ${vocab_size} entries`,
        "they don't belong together: use the model's own tokenizer",
      );
    return file;
  }

  /** Where the stages before `index` stopped in each source of text that they use. */
  private stops(index: number): Map<string, Place> {
    const { data, seed } = this.plan;
    const stops = new Map<string, Place>();
    for (const stage of this.plan.stages.slice(0, index)) {
      const { names, rows } = stageMix(stage, (name) => this.synthetic.has(name));
      for (const [k, name] of names.entries()) {
        const source = this.sources.get(name);
        if (!source) continue;
        const stream = new EpochStream(source.train, seed, longestDocument(data, stage));
        const begin = stream.positionOf(stops.get(name) ?? BEGINNING);
        stops.set(name, stream.placeOf(begin + rows[k]! * stage.length));
      }
    }
    return stops;
  }
}
