import type { Span } from "../../grammar/ast.ts";
import type { FunctionDefinition, PropertyDefinition } from "../../grammar/definition.ts";
import { adviceOn, calledHere } from "../../grammar/elsewhere.ts";
import { closest, hint, renames } from "../diagnostics/suggest.ts";
import type { CallArgument, Value } from "../values/value.ts";
import { convert, type Target, withAdvice } from "./convert.ts";
import { defaultOf } from "./default.ts";
import type { TypedArgument, TypedCall } from "./typed.ts";

/**
 * A call of one of the functions of a set: unnamed arguments fill the parameters from the left, named ones by name,
 * defaults the rest. A bare word is a call without arguments.
 */
export function convertCall(
  value: Extract<Value, { kind: "call" | "word" }>,
  set: string,
  at: Span,
  target: Target,
): TypedCall | undefined {
  const { language, scope } = target;
  const nameAt = value.kind === "call" ? value.at : at;
  const choices = Object.values(language.functions[set] ?? {});
  const definition = choices.find((candidate) => candidate.name === value.name);
  if (!definition) {
    const names = choices.filter(({ status }) => status === "ready").map(({ name }) => name);
    const place = scope.place(nameAt);
    const fixes = renames(value.name, names, place);
    const values = {
      value: value.name,
      name: target.property.name,
      choices: withAdvice(names.join(", "), adviceOn(value.name)),
    };
    scope.report.add("CTX2006", place, values, { fixes });
    return undefined;
  }
  if (definition.status === "planned") {
    scope.report.add("CTX2011", scope.place(nameAt), { name: value.name });
    return undefined;
  }
  const given = value.kind === "call" ? matchArguments(value.arguments, definition, target) : new Map();
  const typed = given && complete(definition, given, nameAt, target);
  return typed && { name: value.name, definition, at: scope.place(at), arguments: typed };
}

/** The arguments by parameter; undefined when one is unknown, given twice or has no value. */
function matchArguments(
  list: readonly CallArgument[],
  definition: FunctionDefinition,
  { scope }: Target,
): Map<string, CallArgument> | undefined {
  const given = new Map<string, CallArgument>();
  const names = definition.parameters.map(({ name }) => name);
  let whole = true;
  for (const [k, argument] of list.entries()) {
    const name = argument.name ?? names[k];
    const at = scope.place(argument.nameAt ?? argument.at);
    if (argument.name === null && list.slice(0, k).some((before) => before.name !== null)) {
      const values = { call: definition.name, argument: "argument without a name after one with a name" };
      const free = names.find((candidate) => !list.some((other) => other.name === candidate));
      scope.report.add("CTX2009", at, { ...values, hint: free ? `write ${free}: before it` : "remove it" });
      whole = false;
      continue;
    }
    if (name === undefined || !names.includes(name)) {
      const called = argument.name === null ? undefined : calledHere(definition.name, argument.name);
      // A name such as linear is a method and a schedule.
      const here = called !== undefined && names.includes(called) ? called : undefined;
      // What the call says already under its own name is not what this one means.
      const free = names.filter((candidate) => !list.some((other) => other.name === candidate));
      const moment = argument.name !== null && /^(adam_)?beta_?[12]$/.test(argument.name) && names.includes("betas");
      const meant = here ?? (argument.name === null || moment ? undefined : closest(argument.name, free));
      const fixes =
        meant === undefined || !free.includes(meant)
          ? []
          : [
              {
                title: `${meant} instead of ${argument.name}`,
                safety: "safe" as const,
                edits: [{ ...at, text: meant }],
              },
            ];
      scope.report.add(
        "CTX2009",
        at,
        {
          call: definition.name,
          argument: argument.name ?? `${ordinal(k)} argument`,
          hint:
            argument.name === null
              ? `it takes ${names.length}`
              : here
                ? `it is called ${here} here${free.includes(here) ? "" : ", and set already"}`
                : moment
                  ? "both go into one list, such as betas: [0.9, 0.95]"
                  : hint(argument.name, free.length > 0 ? free : names),
        },
        { fixes },
      );
      whole = false;
    } else if (given.has(name)) {
      scope.report.add("CTX2004", at, { name, block: definition.name });
      whole = false;
    } else given.set(name, argument);
    if (argument.value === undefined) whole = false;
  }
  return whole ? given : undefined;
}

/** Types the given arguments and fills in defaults; undefined when one is wrong or missing. */
function complete(
  definition: FunctionDefinition,
  given: ReadonlyMap<string, CallArgument>,
  nameAt: Span,
  target: Target,
): Map<string, TypedArgument> | undefined {
  const { scope } = target;
  const typed = new Map<string, TypedArgument>();
  let whole = true;
  for (const parameter of definition.parameters) {
    const argument = given.get(parameter.name);
    if (argument?.value) {
      if (parameter.status === "planned") {
        scope.report.add("CTX2011", scope.place(argument.nameAt ?? argument.at), { name: parameter.name });
        whole = false;
        continue;
      }
      const value = convert(argument.value, parameter.type, argument.at, { ...target, property: parameter });
      if (value === undefined) whole = false;
      else typed.set(parameter.name, { value, at: scope.place(argument.at) });
    } else if (parameter.required) {
      const values = { call: definition.name, argument: parameter.name, hint: usage(parameter, definition) };
      scope.report.add("CTX2010", scope.place(nameAt), values);
      whole = false;
    } else {
      const value = defaultOf(parameter, { ...target, property: parameter });
      if (value !== undefined) typed.set(parameter.name, { value, at: null });
    }
  }
  return whole ? typed : undefined;
}

/** How to write the missing argument. */
function usage(parameter: PropertyDefinition, definition: FunctionDefinition): string {
  return `write ${definition.name}(${parameter.name}: …)`;
}

const ordinal = (k: number) => ["first", "second", "third", "fourth", "fifth"][k] ?? `${k + 1}th`;
