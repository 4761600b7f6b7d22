import { expect, test } from "vitest";
import { isReserved } from "../../compiler/names/reserved.ts";
import { knownWords } from "../../compiler/names/words.ts";
import { language } from "../../grammar/generated/language.ts";
import { planOf, tiny } from "./recipes.ts";

const recipe = (stage: string) => `recipe small
${tiny}rope { theta = critical_base(length) }
train { method = lora  optimizer = adamw(lr: 2e-4) }
stage ${stage} { length = 512  steps = 30  batch = 4 }
parallel { devices = 1 }
evaluate { needle { lengths = [512]  haystack = speeches }  gate { needle >= 90% } }
`;
const plain = planOf(recipe("long"));
const root = { single: new Map(), children: [] } as never;
const words = [...knownWords(language, root)()].filter((word) => !isReserved(word));

/** What of a plan a name must leave alone: all but the recipe's text and where in it things stand. */
const carriedOut = (text: string) => {
  const { source: _, trace: __, ...rest } = planOf(text);
  return rest;
};

test("a name of the recipe's own that a default also uses as a word leaves the default alone", () => {
  expect(words).toEqual(expect.arrayContaining(["auto", "none", "full", "mask", "constant", "f32"]));
  const { source: _, trace: __, ...expected } = plain;
  for (const word of words) {
    expect(carriedOut(`${recipe("long")}let ${word} = 3\n`), `let ${word}`).toEqual(expected);
    expect(carriedOut(`${recipe("long")}param ${word} = 3\n`), `param ${word}`).toEqual(expected);
  }
});

test("a stage may be called as a word that a default uses", () => {
  const expected = { ...plain.stages[0]!, name: "" };
  for (const word of words) {
    const [stage] = planOf(recipe(word)).stages;
    expect({ ...stage!, name: "" }, `stage ${word}`).toEqual(expected);
  }
});

test("where a word is written, it is the word, whatever the recipe calls so", () => {
  const [stage] = planOf(`${recipe("long")}let none = 3\nlet full = 4\nmemory { checkpoint = none }\n`).stages;
  expect(stage!.memory.checkpoint_every).toBe(0);
});
