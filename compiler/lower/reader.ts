import type { BlockDefinition, PropertyDefinition } from "../../grammar/definition.ts";
import type { Place } from "../diagnostics/diagnostic.ts";
import { evaluate } from "../evaluate/evaluate.ts";
import type { Scope } from "../evaluate/scope.ts";
import type { Section, Setting } from "../names/section.ts";
import type { PlanDefault } from "../plan.ts";
import { convert, showTyped } from "../types/convert.ts";
import { warnDecimalLengths } from "../types/decimal_length.ts";
import { defaultOf } from "../types/default.ts";
import { isCall, type Typed, type TypedCall } from "../types/typed.ts";
import { readBareName, takesBareName } from "./bare_name.ts";
import { fromLanguage, type Lowering } from "./lowering.ts";

/** Values of a block's properties: as set, else by default; defaults are noted under the block's path. */
export class Reader {
  /** Absent while nothing is read. */
  #read: Map<string, Typed | undefined> | undefined;
  /** Names of properties that were set to something wrong; most readers find none. */
  #failed: Set<string> | undefined;

  constructor(
    /** The block, or undefined when the recipe has none: then everything is default. */
    readonly section: Section | undefined,
    readonly definition: BlockDefinition,
    readonly scope: Scope,
    /** Where the block stands, for people: `train`, `stage s64k.train`. */
    readonly path: string,
    readonly lowering: Lowering,
  ) {}

  /** Whether the recipe sets a property. */
  has(name: string): boolean {
    return this.section?.settings.has(name) ?? false;
  }

  /** Whether a property was set to something wrong, which has been reported. */
  failed(name: string): boolean {
    this.value(name);
    return this.#failed?.has(name) ?? false;
  }

  /** Whether any of the properties read so far was wrong. */
  get anyFailed(): boolean {
    return this.#failed !== undefined;
  }

  setting(name: string): Setting | undefined {
    return this.section?.settings.get(name);
  }

  /** Place of a property's value; undefined when it is not set. */
  exact(name: string): Place | undefined {
    const setting = this.setting(name);
    return setting && { file: setting.file, start: setting.value.start, end: setting.value.end };
  }

  /** Place of a property's value, or of the block. */
  at(name: string): Place {
    return this.exact(name) ?? this.section?.at ?? { file: this.lowering.file, start: 0, end: 0 };
  }

  /** Notes where a value of the plan stands in the recipe. */
  trace(name: string, pointer: string): void {
    this.lowering.trace.set(pointer, this.exact(name));
  }

  /** Notes a number that is only held against the plan. */
  claim(name: string, pointer: string): void {
    const at = this.exact(name);
    const value = at && this.number(name);
    if (at && value !== undefined) this.lowering.claims.set(pointer, { value, at });
  }

  /** The typed value; undefined when it is neither set nor has a default, or when it was wrong. */
  value(name: string): Typed | undefined {
    const known = this.#read?.get(name);
    if (known !== undefined || this.#read?.has(name)) return known;
    if (!this.#read) {
      this.#read = new Map();
      this.lowering.noteLater(this);
    }
    const setting = this.setting(name);
    const value = setting ? this.#given(setting) : this.#default(this.#property(name));
    if (setting && value === undefined) this.#fails(name);
    this.#read.set(name, value);
    return value;
  }

  number(name: string): number | undefined {
    const value = this.value(name);
    return typeof value === "number" ? value : undefined;
  }

  text(name: string): string | undefined {
    const value = this.value(name);
    return typeof value === "string" ? value : undefined;
  }

  flag(name: string): boolean | undefined {
    const value = this.value(name);
    return typeof value === "boolean" ? value : undefined;
  }

  call(name: string): TypedCall | undefined {
    const value = this.value(name);
    return isCall(value) ? value : undefined;
  }

  /** A list of numbers; one number counts as a list of it. */
  numbers(name: string): number[] | undefined {
    const value = this.value(name);
    if (typeof value === "number") return [value];
    return Array.isArray(value) ? value.filter((item) => typeof item === "number") : undefined;
  }

  /** A list of texts; one text counts as a list of it. */
  texts(name: string): string[] | undefined {
    const value = this.value(name);
    if (typeof value === "string") return [value];
    return Array.isArray(value) ? value.filter((item) => typeof item === "string") : undefined;
  }

  /** Reports that a property without a default is not set. */
  demand(name: string, hint: string): void {
    if (this.has(name)) return;
    this.#fails(name);
    if (this.section?.unread) return; // that may be what is meant
    const block = [this.section?.kind ?? this.path, this.section?.label].filter(Boolean).join(" ");
    this.lowering.report.add("CTX2005", this.at(name), { block, name, hint });
  }

  /** Notes a default that the language table can't express. */
  note(name: string, value: string, from: string): void {
    this.lowering.note(this.noteOf(name, value, from));
  }

  /** A default of the block, to be noted. */
  noteOf(name: string, value: string, from: string): PlanDefault {
    return { path: `${this.path}.${name}`, value, from };
  }

  #given(setting: Setting): Typed | undefined {
    const { definition, value: node, file } = setting;
    const scope = setting.guessed ? this.scope.within(file).reportingTo({ add: () => {} }) : this.scope.within(file);
    const written = () => this.lowering.source(this.at(setting.name));
    const beside = (name: string) => this.has(name);
    const place = { nameAt: setting.nameAt, written, beside };
    const target = { language: this.lowering.language, scope, property: definition, setting: place };
    const bare = readBareName(node, definition.type, target);
    if (bare) return bare.value;
    this.lowering.workings.note(node, scope);
    const known = this.lowering.constants.get(setting);
    if (known !== undefined) return known;
    const { asked } = this.scope;
    const value = evaluate(node, scope);
    const typed = value && convert(value, definition.type, node, target);
    if (typed !== undefined) warnDecimalLengths(node, definition, scope, this.lowering.language);
    // The same in every scope if working it out asked for nothing. What another report was told of it, the recipe's own has still to be told.
    const { constants, report } = this.lowering;
    if (typed !== undefined && this.scope.asked === asked && this.scope.report === report)
      constants.set(setting, typed);
    return typed;
  }

  #default(property: PropertyDefinition): Typed | undefined {
    return defaultOf(property, { language: this.lowering.language, scope: this.scope, property });
  }

  #fails(name: string): void {
    this.#failed ??= new Set();
    this.#failed.add(name);
  }

  /** What was read and is not set, or not in full: for the plan, which tells what it took for granted. */
  *defaults(): Generator<PlanDefault> {
    for (const [name, value] of this.#read ?? []) {
      const setting = this.setting(name);
      // A bare `lora` has its defaults too; any other word says all.
      if (value === undefined || (setting && !isCall(value) && this.#isBare(setting))) continue;
      const property = setting?.definition ?? this.#property(name);
      // What `auto` came to is noted by whoever decides it; of a formula the value tells more than the words.
      const shown = property.type.kind === "formula" && !isCall(value) ? showTyped(value) : (property.default ?? "");
      if (!setting && value !== "auto") yield this.noteOf(name, shown, fromLanguage);
      if (!isCall(value)) continue;
      // Defaults inside a call: `optimizer.betas`.
      for (const [argument, { value: taken, at }] of value.arguments) {
        if (at === null) yield this.noteOf(`${name}.${argument}`, showTyped(taken), `the default of ${value.name}`);
      }
    }
  }

  #isBare({ value, definition }: Setting): boolean {
    return value.kind === "name" && takesBareName(definition.type, value.name, this.lowering.language);
  }

  #property(name: string): PropertyDefinition {
    const property = this.definition.properties[name];
    if (!property) throw new Error(`the language definition of ${this.definition.name} has no property ${name}`);
    return property;
  }
}
