import type { LanguageDefinition } from "../../grammar/definition.ts";
import type { SourceText } from "../../grammar/text.ts";
import type { Place } from "../diagnostics/diagnostic.ts";
import type { Report } from "../diagnostics/report.ts";
import type { Host } from "../host.ts";
import type { Section, Setting } from "../names/section.ts";
import { folderOf } from "../path.ts";
import type { PlanDefault, PlanLora, PlanRope } from "../plan.ts";
import type { Surveys } from "../survey/index.ts";
import type { Typed, TypedCall } from "../types/typed.ts";
import { IdleSettings } from "./idle.ts";
import type { StepLayout } from "./layout.ts";
import { Trace } from "./trace.ts";
import { Workings } from "./workings.ts";

/** Where a default comes from that stands in the language's table. */
export const fromLanguage = "the language";

/** A theta that depends on the stages before it. */
export interface PathDependence {
  /** By way of the stage before, and in one jump from the base model. */
  readonly chained: number;
  readonly direct: number;
  /** What says which stage is meant, and where to put it; undefined where the stage has no block. */
  readonly insert: { readonly at: Place; readonly text: string } | undefined;
}

/** A number that the plan has no use for, and where it stands. */
export interface Claim {
  readonly value: number;
  readonly at: Place;
}

/** Whoever can tell, later, which values the recipe does not set. */
interface LateNotes {
  defaults(): Iterable<PlanDefault>;
}

/** What lowering a recipe to a plan reads from and writes to, besides the plan itself. */
export class Lowering {
  readonly trace: Trace;
  /** Index of the first stage that does not follow the one written before it, because that one was wrong. */
  brokenFrom = Number.POSITIVE_INFINITY;
  /** The first part of the recipe that could not be lowered, which an error must explain. */
  left: { readonly name: string; readonly at: Place } | undefined;
  /** Settings that may turn out to change nothing. */
  readonly idle = new IdleSettings();
  /** Stages, by pointer, whose theta would be another one if the stage before were not there. */
  readonly pathDependent = new Map<string, PathDependence>();
  /** False once a stage's `train` had a value that could not be read: what is planned there is then the default, and not to be judged. */
  trainRead = true;
  /** What the recipe declares only to be held against the plan, by pointer: `/hardware/link`, `/stages/0/wall_time`; or, of
   * `hardware`, whose place a message needs. */
  readonly claims = new Map<string, Claim>();
  /** The rope block of each stage, by the stage's pointer. */
  readonly ropes = new Map<string, Section | undefined>();
  /** Values of settings that speak of nothing: every stage that has them reads the same. */
  readonly constants = new Map<Setting, Typed>();
  /** Adapters, by the call that describes them, which many stages may share. */
  readonly adapters = new Map<TypedCall, PlanLora>();
  /** RoPE's tables, by what they are made of. */
  readonly tables = new Map<string, PlanRope>();
  /** Layouts of one step, by what is written of them and what they are for. */
  readonly layouts = new Map<string, StepLayout>();
  /** What the files of sources have shown so far. */
  readonly surveys: Surveys = new Map();
  readonly #notes: (PlanDefault | LateNotes)[] = [];

  constructor(
    readonly language: LanguageDefinition,
    readonly report: Report,
    readonly host: Host,
    /** Name of the recipe's file. */
    readonly file: string,
    /** Texts of the recipe and of what it imports. */
    readonly texts: ReadonlyMap<string, SourceText>,
    /** Takes note of what is worked out on the way. */
    readonly workings: Workings = new Workings(),
  ) {
    this.trace = new Trace({ file, start: 0, end: 0 });
    workings.trace = this.trace;
  }

  /** The recipe's folder: paths in it are relative to this. */
  get folder(): string {
    return folderOf(this.file);
  }

  /** Notes a value that the recipe does not set. What was worked out counts more than the language's own default. */
  note(note: PlanDefault): void {
    this.#notes.push(note);
  }

  /** Notes what only the plan, as a document, tells: it is worked out when that is asked for. */
  noteLater(notes: LateNotes): void {
    this.#notes.push(notes);
  }

  /** Forgets a stage that was lost, and whatever was noted of it. */
  forget(pointer: string): void {
    this.trace.forget(pointer);
    this.ropes.delete(pointer);
    for (const key of this.claims.keys()) if (key.startsWith(`${pointer}/`)) this.claims.delete(key);
  }

  /** What was noted, by path. */
  get defaults(): PlanDefault[] {
    const noted = new Map<string, PlanDefault>();
    for (const notes of this.#notes) {
      for (const note of "defaults" in notes ? notes.defaults() : [notes]) {
        if (note.from !== fromLanguage || !noted.has(note.path)) noted.set(note.path, note);
      }
    }
    return [...noted.keys()].sort().map((path) => noted.get(path)!);
  }

  /** The recipe's text at a place, on one line. */
  source(place: Place): string {
    return (this.texts.get(place.file)?.slice(place) ?? "")
      .replace(/#[^\n]*/g, "")
      .replace(/\s+/g, " ")
      .trim();
  }
}
