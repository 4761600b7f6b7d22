import { expect, test } from "vitest";
import { analyze } from "../../compiler/analyze.ts";
import { emptyHost } from "../../compiler/host.ts";

const ground = `model { from = "meta-llama/Meta-Llama-3-8B" }
data { source s { files = "d/*.jsonl" } }
stage a { length = 64Ki  steps = 10  batch = 16 }
`;

/** `let v0 = first` and `count` more, each made of the one before. */
function chain(count: number, first: string, next: (before: string) => string): string {
  const lets = Array.from({ length: count }, (_, k) => `let v${k + 1} = ${next(`v${k}`)}\n`);
  return `let v0 = ${first}\n${lets.join("")}`;
}

/** Codes that a recipe with these `let`s raises; theta is the last of them. */
function codes(lets: string, last: number): string[] {
  const { diagnostics } = analyze(`${ground}${lets}rope { theta = v${last} }\n`, emptyHost);
  return diagnostics.filter(({ severity }) => severity === "error").map(({ code }) => code);
}

test("lets that double are worked out once each", () => {
  expect(codes(`let big = 5000000\n${chain(60, "1", (v) => `${v} + ${v}`)}let v61 = v60 - v60 + big\n`, 61)).toEqual(
    [],
  );
  expect(
    codes(
      chain(60, "5000000", (v) => `if true then ${v} else ${v}`),
      60,
    ),
  ).toEqual([]);
  expect(
    codes(
      chain(60, "1 / 0", (v) => `${v} + ${v}`),
      60,
    ),
  ).toEqual(["CTX2105"]);
  expect(
    codes(
      chain(60, "1 / 0", (v) => `if ${v} > 1 then ${v} else ${v}`),
      60,
    ),
  ).toEqual(["CTX2105"]);
});

test("lets that double a list are refused before they fill the memory", () => {
  expect(
    codes(
      chain(60, "[1, 2]", (v) => `[${v}, ${v}]`),
      60,
    ),
  ).toEqual(["CTX2109"]);
  expect(
    codes(
      chain(60, "f(1)", (v) => `f(${v}, ${v})`),
      60,
    ),
  ).toContain("CTX2109");
});

test("a chain of lets that no stack would carry is refused", () => {
  expect(
    codes(
      chain(5000, "1", (v) => `${v} + 1`),
      5000,
    ),
  ).toEqual(["CTX2109"]);
  expect(
    codes(
      chain(5000, "1", (v) => `-(${v})`),
      5000,
    ),
  ).toEqual(["CTX2109"]);
  expect(
    codes(
      chain(300, "5000000", (v) => `${v} + 1`),
      300,
    ),
  ).toEqual([]);
});

test("thousands of mistakes of one kind take seconds", () => {
  const lines = (line: (k: number) => string) => Array.from({ length: 20_000 }, (_, k) => `${line(k)}\n`).join("");
  const begin = process.cpuUsage();
  expect(
    codes(
      lines((k) => `let a${k} = b${k}`),
      0,
    ),
  ).toContain("CTX2007");
  analyze(`${lines((k) => `# ctx-allow CTX3001: because ${k}`)}${ground}`, emptyHost);
  expect(process.cpuUsage(begin).user / 1e6).toBeLessThan(30);
});
