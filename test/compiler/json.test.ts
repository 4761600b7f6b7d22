import fc from "fast-check";
import { expect, test } from "vitest";
import { parseJson } from "../../compiler/json.ts";

test("gives what JSON.parse gives", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      expect(parseJson(text)).toEqual(JSON.parse(text));
    }),
  );
  expect(() => parseJson("[1,")).toThrow(SyntaxError);
});

test("refuses what lies too deep to be walked", () => {
  const nested = (depth: number) => `${'{"a":['.repeat(depth / 2)}${"]}".repeat(depth / 2)}`;
  expect(() => parseJson(nested(200))).not.toThrow();
  for (const depth of [202, 5000, 200_000])
    expect(() => parseJson(nested(depth))).toThrow(/more than 200 deep in each other/);
});
