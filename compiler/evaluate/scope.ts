import type { Span } from "../../grammar/ast.ts";
import type { Place } from "../diagnostics/diagnostic.ts";
import type { Report } from "../diagnostics/report.ts";
import type { Value } from "../values/value.ts";
import type { FormulaContext } from "./formulas.ts";

/** What a name stands for. `absent`: it means something elsewhere but has no value here; `failed`: already reported. */
export type Binding =
  | { readonly kind: "value"; readonly value: Value }
  | { readonly kind: "absent"; readonly hint: string }
  | { readonly kind: "failed" };

type Definition = Binding | { readonly kind: "lazy"; readonly force: (from: Scope) => Value | undefined };

/**
 * The names that an expression sees, the file it stands in, and where its mistakes go. A scope may have a parent whose
 * names it inherits. Lazy names (`let`, `param`) are evaluated where they are used, so that a `let` may speak of the
 * stage's `length`.
 */
export class Scope {
  readonly #names = new Map<string, Definition>();
  readonly #forcing: Set<string>;

  constructor(
    readonly file: string,
    readonly report: Pick<Report, "add">,
    readonly parent: Scope | null = null,
    /** What the named theta formulas start from; null where no stage is being described. */
    readonly formula: FormulaContext | null = parent?.formula ?? null,
  ) {
    this.#forcing = parent ? parent.#forcing : new Set();
  }

  define(name: string, value: Value | undefined): void {
    this.#names.set(name, value ? { kind: "value", value } : { kind: "failed" });
  }

  /** A name that exists elsewhere; using it here is an error that says `hint`. */
  defineAbsent(name: string, hint: string): void {
    this.#names.set(name, { kind: "absent", hint });
  }

  /** A name whose value is computed in the scope that asks for it. */
  defineLazy(name: string, force: (from: Scope) => Value | undefined): void {
    this.#names.set(name, { kind: "lazy", force });
  }

  /** What `name` stands for, seen from here; undefined when it stands for nothing. */
  lookup(name: string, at: Span): Binding | undefined {
    const definition = this.#find(name);
    if (definition?.kind !== "lazy") return definition;
    if (this.#forcing.has(name)) {
      this.report.add("CTX2016", this.place(at), { name, path: [...this.#forcing, name].join(" → ") });
      return { kind: "failed" };
    }
    this.#forcing.add(name);
    const value = definition.force(this);
    this.#forcing.delete(name);
    return value ? { kind: "value", value } : { kind: "failed" };
  }

  /** Every name that can be used here, nearest first. */
  names(): string[] {
    const own = [...this.#names].filter(([, definition]) => definition.kind !== "absent").map(([name]) => name);
    return this.parent ? [...new Set([...own, ...this.parent.names()])] : own;
  }

  place(at: Span): Place {
    return { file: this.file, start: at.start, end: at.end };
  }

  /** The same names for an expression that stands in another file. */
  within(file: string): Scope {
    return file === this.file ? this : new Scope(file, this.report, this);
  }

  /** The same names, reporting elsewhere. */
  reportingTo(report: Pick<Report, "add">): Scope {
    return new Scope(this.file, report, this);
  }

  #find(name: string): Definition | undefined {
    return this.#names.get(name) ?? (this.parent ? this.parent.#find(name) : undefined);
  }
}
