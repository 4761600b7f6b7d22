import { curriculum } from "./catalogue/curriculum.ts";
import { data } from "./catalogue/data.ts";
import type { Entry } from "./catalogue/entry.ts";
import { model } from "./catalogue/model.ts";
import { names } from "./catalogue/names.ts";
import { parallel } from "./catalogue/parallel.ts";
import { rope } from "./catalogue/rope.ts";
import { syntax } from "./catalogue/syntax.ts";
import { training } from "./catalogue/training.ts";

/** Every diagnostic there is. Wording lives here and nowhere else. */
export const catalogue = { ...syntax, ...names, ...rope, ...curriculum, ...data, ...training, ...parallel, ...model };

export type Code = keyof typeof catalogue;

/** Names of the holes of one code's texts. */
export type HolesOf<C extends Code> = (typeof catalogue)[C] extends Entry<infer Holes> ? Holes : never;

/** The values that raising a code takes. */
export type ValuesOf<C extends Code> = Readonly<Record<HolesOf<C>, string | number>>;

export function isCode(code: string): code is Code {
  return Object.hasOwn(catalogue, code);
}

/** The entry of a code with its hole names forgotten, for indexes. */
export function entryOf(code: Code): Entry {
  return catalogue[code] as unknown as Entry;
}

export const codes = Object.keys(catalogue).sort() as readonly Code[];
