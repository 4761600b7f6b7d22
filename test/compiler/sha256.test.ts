import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { sha256 } from "../../compiler/lower/sha256.ts";

test("equals node:crypto for any text", () => {
  const oracle = (text: string) => createHash("sha256").update(text, "utf8").digest("hex");
  for (const text of ["", "abc", "ctx 1\n", "é".repeat(55), "a".repeat(64), "😀".repeat(1000)]) {
    expect(sha256(text)).toBe(oracle(text));
  }
  fc.assert(fc.property(fc.string({ unit: "grapheme", maxLength: 300 }), (text) => sha256(text) === oracle(text)));
});
