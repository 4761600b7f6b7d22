import type { Expression, Span } from "../../grammar/ast.ts";
import type { Place } from "../diagnostics/diagnostic.ts";
import type { Report } from "../diagnostics/report.ts";
import type { Value } from "../values/value.ts";
import type { FormulaContext } from "./formulas.ts";
import { Limits } from "./limits.ts";

/** What a name stands for. `absent`: it means something elsewhere but has no value here; `failed`: already reported. */
export type Binding =
  | { readonly kind: "value"; readonly value: Value }
  | { readonly kind: "absent"; readonly hint: string }
  | { readonly kind: "failed" };

/** What defines a lazy name: an expression of a file, or of the command line. */
export interface Origin {
  readonly node: Expression;
  /** null: `--set`. */
  readonly file: string | null;
}

interface Lazy {
  readonly kind: "lazy";
  readonly force: (from: Scope) => Value | undefined;
  readonly origin: Origin | undefined;
}

type Definition = Binding | Lazy;

/** What all scopes of one recipe share. */
interface Shared {
  readonly limits: Limits;
  /** Lazy names that are being evaluated. */
  readonly forcing: Set<string>;
  /** For each report, what has been told to it that would come up again wherever it is looked at from. */
  readonly told: WeakMap<object, Set<string>>;
  /** Lazy names that anything has asked for. */
  readonly used: Set<string>;
  /** Counts definitions: a value that was worked out before the latest one may have changed. */
  definitions: number;
  /** Counts what was asked of scopes and had an answer: an expression that does not move it has one value everywhere. */
  asked: number;
  /** Names that something wrong would have defined. */
  lost: RegExp | undefined;
}

/** Values of lazy names as one scope sees them: each is worked out once, or `let`s that double would take forever. */
interface Memo {
  readonly values: Map<string, Value | undefined>;
  definitions: number;
}

/**
 * The names that an expression sees, the file it stands in, and where its mistakes go. A scope may have a parent whose
 * names it inherits. Lazy names (`let`, `param`) are evaluated where they are used, so that a `let` may speak of the
 * stage's `length`.
 */
export class Scope {
  /** Absent while it defines none of its own, as most scopes. */
  #names: Map<string, Definition> | undefined;
  readonly #shared: Shared;
  readonly #formula: FormulaContext | "unknown" | null;
  /** Where set, names that this scope takes from its parents; others are unknown in it. */
  #inherits: ((name: string) => boolean) | undefined;
  #memo: Memo | undefined;
  #hypothetical: Scope | undefined;

  constructor(
    readonly file: string,
    readonly report: Pick<Report, "add">,
    readonly parent: Scope | null = null,
    /** What the named theta formulas start from; null where no stage is being described, `unknown` where it is not known. */
    formula: FormulaContext | "unknown" | null = parent ? parent.#formula : null,
  ) {
    this.#formula = formula;
    this.#shared = parent
      ? parent.#shared
      : {
          limits: new Limits(),
          forcing: new Set(),
          told: new WeakMap(),
          used: new Set(),
          definitions: 0,
          asked: 0,
          lost: undefined,
        };
  }

  /** How far evaluation may go. */
  get limits(): Limits {
    return this.#shared.limits;
  }

  /** Grows whenever something is asked of any scope of the recipe that another scope may answer differently. */
  get asked(): number {
    return this.#shared.asked;
  }

  /** What the named theta formulas start from. */
  get formula(): FormulaContext | "unknown" | null {
    this.#shared.asked++;
    return this.#formula;
  }

  define(name: string, value: Value | undefined): void {
    this.#set(name, value ? { kind: "value", value } : { kind: "failed" });
  }

  /** A name that exists elsewhere; using it here is an error that says `hint`. */
  defineAbsent(name: string, hint: string): void {
    this.#set(name, { kind: "absent", hint });
  }

  /** Names without a value because what would have defined them was wrong, which has been reported. */
  defineLost(names: RegExp): void {
    this.#shared.lost = names;
  }

  /** A name whose value is computed in the scope that asks for it. */
  defineLazy(name: string, force: (from: Scope) => Value | undefined, origin?: Origin): void {
    this.#set(name, { kind: "lazy", force, origin });
  }

  /** The expression behind a `let` or `param`; undefined for other names. */
  originOf(name: string): Origin | undefined {
    const definition = this.#find(name);
    return definition?.kind === "lazy" ? definition.origin : undefined;
  }

  /** What `name` stands for, seen from here; undefined when it stands for nothing. */
  lookup(name: string, at: Span): Binding | undefined {
    const definition = this.#find(name);
    if (!definition && !this.#shared.lost?.test(name)) return undefined;
    this.#shared.asked++;
    if (!definition) return { kind: "failed" };
    if (definition.kind !== "lazy") return definition;
    const { forcing, used, definitions } = this.#shared;
    if (forcing.has(name)) {
      // One circle is one mistake, whichever of its names is asked for.
      if (this.tellOnce(name, ...forcing))
        this.report.add("CTX2016", this.place(at), { name, path: [...forcing, name].join(" → ") });
      return { kind: "failed" };
    }
    used.add(name);
    const { values } = this.#memoOf(definitions);
    let value = values.get(name);
    if (!value && !values.has(name)) {
      forcing.add(name);
      value = definition.force(this);
      forcing.delete(name);
      values.set(name, value);
    }
    return value ? { kind: "value", value } : { kind: "failed" };
  }

  /** The values worked out since the latest definition. */
  #memoOf(definitions: number): Memo {
    this.#memo ??= { values: new Map(), definitions };
    if (this.#memo.definitions !== definitions) {
      this.#memo.values.clear();
      this.#memo.definitions = definitions;
    }
    return this.#memo;
  }

  /** True if the first of these has not yet been told to this scope's report; then all of them have. */
  tellOnce(key: string, ...others: string[]): boolean {
    const { told } = this.#shared;
    const keys = told.get(this.report) ?? new Set();
    const first = !keys.has(key);
    for (const each of [key, ...others]) keys.add(each);
    told.set(this.report, keys);
    return first;
  }

  /** Whether anything has asked for a lazy name. */
  used(name: string): boolean {
    return this.#shared.used.has(name);
  }

  /** Names that can be used here, nearest first; of very many only some. */
  names(most = 1000): string[] {
    const names = new Set<string>();
    for (let scope: Scope | null = this; scope; scope = scope.parent) {
      for (const [name, { kind }] of scope.#names ?? []) {
        if (names.size >= most) return [...names];
        if (kind !== "absent") names.add(name);
      }
    }
    return [...names];
  }

  place(at: Span): Place {
    return { file: this.file, start: at.start, end: at.end };
  }

  /** The same names for an expression that stands in another file. */
  within(file: string): Scope {
    if (file === this.file) return this;
    const scope = new Scope(file, this.report, this);
    scope.#memo = this.#memoOf(this.#shared.definitions);
    return scope;
  }

  /** The same names, reporting elsewhere. */
  reportingTo(report: Pick<Report, "add">): Scope {
    return new Scope(this.file, report, this);
  }

  /** Only those names that satisfy a condition. */
  restricted(inherits: (name: string) => boolean): Scope {
    const scope = new Scope(this.file, this.report, this);
    scope.#inherits = inherits;
    return scope;
  }

  /**
   * The same names where what would be computed is not: mistakes of arithmetic are not reported. One for each scope, so
   * that branches within branches find each other's values.
   */
  hypothetical(): Scope {
    this.#hypothetical ??= this.reportingTo(withoutArithmetic(this.report));
    this.#hypothetical.#hypothetical = this.#hypothetical;
    return this.#hypothetical;
  }

  #set(name: string, definition: Definition): void {
    this.#names ??= new Map();
    this.#names.set(name, definition);
    this.#shared.definitions++;
  }

  #find(name: string): Definition | undefined {
    for (let scope: Scope | null = this; scope; scope = scope.parent) {
      const definition = scope.#names?.get(name);
      if (definition) return definition;
      if (scope.#inherits?.(name) === false) return undefined;
    }
    return undefined;
  }
}

/** A report that drops divisions by zero and overflows. */
function withoutArithmetic(report: Pick<Report, "add">): Pick<Report, "add"> {
  return {
    add: (code, ...rest) => {
      if (code !== "CTX2105" && code !== "CTX2106" && code !== "CTX2108") report.add(code, ...rest);
    },
  };
}
