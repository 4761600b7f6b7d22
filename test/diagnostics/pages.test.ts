import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { codes, entryOf, isCode } from "../../compiler/diagnostics/catalogue.ts";
import { wholeRecipe } from "./example.ts";
import { analyzeFixture } from "./fixture.ts";

const folder = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "docs", "errors");
const pages = readdirSync(folder).filter((name) => name.startsWith("CTX"));

/** Codes whose severity depends on what is found: the usual one first. */
const several: { readonly [code: string]: string } = {
  CTX3020: "warning or info",
  CTX4011: "error or warning",
  CTX5008: "warning or info",
  CTX5021: "warning or info",
  CTX5022: "warning or info",
  CTX5023: "info or warning",
  CTX5024: "warning, error or info",
  CTX5025: "warning or error",
  CTX6001: "warning or error",
  CTX6004: "error or warning",
  CTX8007: "warning or error",
  CTX8010: "error or warning",
  CTX8020: "warning or error",
};

test("there is a page for every code, and for nothing else", () => {
  expect(pages.map((name) => name.replace(".md", "")).sort()).toEqual([...codes]);
});

describe.each(pages)("docs/errors/%s", (page) => {
  const text = readFileSync(join(folder, page), "utf8");
  const code = page.replace(".md", "");
  const examples = [...text.matchAll(/^```ctx\n([\s\S]*?)^```/gm)].map((match) => match[1]!);
  const raised = (example: string) => analyzeFixture(wholeRecipe(example)).diagnostics.map((d) => d.code);

  test("is headed by the code, its name and the severities that it may have", () => {
    const entry = isCode(code) ? entryOf(code) : undefined;
    const severity = several[code] ?? entry?.severity;
    expect(text.startsWith(`# ${code}: ${entry?.title}\n\n**${severity}**\n`)).toBe(true);
    expect(severity?.split(/\W/)[0]).toBe(entry?.severity);
  });

  test("its first example raises it, and nothing else", () => {
    expect([...new Set(raised(examples[0] ?? ""))]).toEqual([code]);
  });

  if (examples.length > 1)
    test("its second example is clean", () => {
      expect(raised(examples[1]!)).toEqual([]);
    });
});
