import type { FileNode } from "../grammar/ast.ts";
import { language } from "../grammar/generated/language.ts";
import type { Parsed } from "../grammar/parse.ts";
import type { SourceText } from "../grammar/text.ts";
import { checks } from "./check/checks.ts";
import { applyAllowances } from "./diagnostics/allow.ts";
import type { Diagnostic } from "./diagnostics/diagnostic.ts";
import { Report } from "./diagnostics/report.ts";
import type { Host } from "./host.ts";
import { Lowering } from "./lower/lowering.ts";
import { finishPlan } from "./lower/plan.ts";
import { lowerRecipe } from "./lower/recipe.ts";
import { readRest } from "./lower/rest.ts";
import { Workings } from "./lower/workings.ts";
import { checkDefinitions, outsideStages } from "./names/definitions.ts";
import { checkHeader } from "./names/header.ts";
import { isForeign, readSources } from "./names/imports.ts";
import { checkRequirements } from "./names/require.ts";
import { rootScope, type SourceFile } from "./names/scope.ts";
import { overlay, rootSection, type Section } from "./names/section.ts";
import { withSettings } from "./names/settings.ts";
import { uncertainKinds } from "./names/strangers.ts";
import { knownWords } from "./names/words.ts";
import type { Plan } from "./plan.ts";
import { keepSurveys } from "./survey/index.ts";

/** What a compilation knows besides the text. */
export interface AnalyzeOptions {
  /** Name of the recipe's file; paths in the recipe are relative to its folder. */
  readonly file?: string;
  /** Values for `param`s, as recipe text: `--set name=value`. */
  readonly set?: Readonly<Record<string, string>>;
  /** Reads texts into trees; an editor gives one that remembers the texts it has read. */
  readonly parse?: (text: string) => Parsed;
}

/** Everything that is known of a recipe after compiling it as far as it goes. */
export interface Analysis {
  readonly file: string;
  readonly tree: FileNode;
  /** The recipe first, then what it imports, each file before those that it imports. */
  readonly files: readonly SourceFile[];
  /** Texts of the recipe and of what it imports, by file name. */
  readonly texts: ReadonlyMap<string, SourceText>;
  /** By file and place; nothing is thrown, whatever the text is. */
  readonly diagnostics: readonly Diagnostic[];
  /** The plan; null when an error stands in its way. Made when it is first asked for: who only checks does not wait for it. */
  readonly plan: Plan | null;
  /** What was worked out on the way, also where there is no plan. */
  readonly workings: Workings;
}

/** Text → tree → names → plan → checks, each going on over what the one before could not read. */
export function analyze(text: string, host: Host, options: AnalyzeOptions = {}): Analysis {
  const name = options.file ?? "recipe.ctx";
  const report = new Report();
  const { files, texts } = readSources(text, name, host, report, options.parse);
  // Of a file that is no recipe there is nothing else to say.
  const workings = new Workings();
  if (isForeign(text)) {
    return { file: name, tree: files[0]!.tree, files, texts, diagnostics: report.list(), plan: null, workings };
  }
  const recipe = files[0]!;
  for (const { name: file, tree } of files) checkHeader(tree, file, report);
  const root = files
    .map((file) => rootSection(file.tree, { language, report, file: file.name, text: texts.get(file.name)! }))
    .reduceRight<Section | undefined>((base, over) => overlay(base, over), undefined)!;
  const settings = new Map(Object.entries(options.set ?? {}));
  const words = knownWords(language, root);
  const scope = rootScope(files, settings, words, report, workings);
  const lowering = new Lowering(language, report, host, name, texts, workings);
  const lowered = lowerRecipe(root, scope, lowering);
  const whole = lowered && lowered.stages.length > 0 && lowering.brokenFrom === Number.POSITIVE_INFINITY;
  if (!whole) readRest(root, outsideStages(scope), lowering);
  checkDefinitions(files, scope, language, words, report);
  for (const file of files) checkRequirements(file, texts.get(file.name)!, scope, workings);
  const draft = lowered && { source: { file: name }, ...lowered };
  if (draft) keepSurveys(draft, lowering.surveys);
  // What an import that could not be read says about the plan is unknown.
  if (draft && !lacksImport(report.list())) {
    const { trace, brokenFrom, pathDependent, claims, ropes } = lowering;
    const firstStage = root.children.find(({ kind }) => kind === "stage" || kind === "curriculum")?.at;
    const context = { plan: draft, trace, report, host, brokenFrom, pathDependent, claims, ropes, firstStage };
    const uncertain = uncertainKinds(root);
    if (!lowering.trainRead) uncertain.add("train");
    for (const group of checks) {
      if (group.needs.some((kind) => uncertain.has(kind))) continue;
      for (const check of group.checks) check(context);
    }
  }
  refuseSilentLoss(lowering);
  const unused: Diagnostic[] = [];
  let diagnostics = withSettings(withoutEchoes(report.list(), texts), settings, files, texts);
  for (const file of files) {
    const allowed = applyAllowances(diagnostics, file.name, texts.get(file.name)!, file.tree.comments);
    diagnostics = allowed.diagnostics;
    unused.push(...allowed.unused);
  }
  const failed = diagnostics.some(({ severity }) => severity === "error");
  // Where an error kept a check from running, nobody knows what the check would have raised.
  if (!failed) diagnostics.push(...unused);
  // Of a recipe in a version of the language that this compiler does not know, anything else it says would be a guess.
  const strange = diagnostics.filter(({ code }) => code === "CTX2501");
  if (strange.length > 0) diagnostics = strange;
  const finish = () => (failed || !draft ? null : finishPlan(draft, text, recipe.tree, lowering));
  let plan: Plan | null | undefined;
  return {
    file: name,
    tree: recipe.tree,
    files,
    texts,
    diagnostics,
    get plan() {
      plan = plan === undefined ? finish() : plan;
      return plan;
    },
    workings,
  };
}

/** A stage is only ever left out over an error; should lowering have given up without one, no plan may come of it. */
function refuseSilentLoss({ left, report }: Lowering): void {
  if (left && !report.isFinal) {
    const hint = "the compiler found no numbers for it, and no reason: please report this recipe";
    report.add("CTX2013", left.at, { name: left.name, hint });
  }
}

/**
 * One cause gives one diagnostic. Left out is what most likely follows from another:
 *
 * - what else is wrong on a line that could not be read;
 * - what is missing from a recipe when an import or a block, where it may stand, could not be read;
 * - that a setting has no effect, of one that is itself wrong.
 */
function withoutEchoes(diagnostics: readonly Diagnostic[], texts: ReadonlyMap<string, SourceText>): Diagnostic[] {
  const line = ({ at }: Diagnostic) => `${at.file}:${texts.get(at.file)?.lineAt(at.start)}`;
  const place = ({ at }: Diagnostic) => `${at.file}:${at.start}:${at.end}`;
  const broken = new Set(diagnostics.filter(({ code }) => code.startsWith("CTX1")).map(line));
  const wrong = new Set(diagnostics.filter(({ code, severity }) => severity === "error" && code !== idle).map(place));
  const halfRead = isHalfRead(diagnostics);
  return diagnostics.filter((diagnostic) => {
    if (diagnostic.code.startsWith("CTX1")) return true;
    if (halfRead && mayBeImported.has(diagnostic.code)) return false;
    return !broken.has(line(diagnostic)) && !(diagnostic.code === idle && wrong.has(place(diagnostic)));
  });
}

/** Whether there is an import or a block that could not be read; of a misspelt one it is known what is meant. */
function isHalfRead(diagnostics: readonly Diagnostic[]): boolean {
  return lacksImport(diagnostics) || diagnostics.some(({ code, fixes }) => code === "CTX2002" && fixes.length === 0);
}

function lacksImport(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some(({ code }) => code === "CTX2301" || code === "CTX2302");
}

/** A setting without effect. */
const idle = "CTX3017";

/** Something that a recipe lacks: a property, a name, a param of --set, a stage. */
const mayBeImported: ReadonlySet<string> = new Set(["CTX2005", "CTX2007", "CTX2202", "CTX4005", "CTX8004"]);
