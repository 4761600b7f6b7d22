import { expect, test } from "vitest";
import { showNumber, showTokens, writtenTokens } from "../../compiler/values/show.ts";

test.each([
  [4743.2261, "4,743.23"],
  [83_148.91, "83,148.9"],
  [691_374.4, "691,374"],
  [1024, "1,024"],
  [999.9999, "1,000"],
  [-4743.2261, "-4,743.23"],
  [0.125, "0.125"],
  [1e-7, "1e-7"],
  [1.5e15, "1500000000000000"],
  [2 ** 70 + 0.5, "1.18059e+21"],
])("%f reads %s", (value, text) => {
  expect(showNumber(value)).toBe(text);
});

test("lengths, for people and as a recipe has them", () => {
  expect([65_536, 200_000, 3 * 2 ** 20, 40.5].map(showTokens)).toEqual(["64Ki", "200,000", "3Mi", "40.5"]);
  expect([65_536, 200_000].map(writtenTokens)).toEqual(["64Ki", "200_000"]);
});
