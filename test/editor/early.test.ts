// What is told while an analysis is still to come.
import { expect, test } from "vitest";
import { emptyHost } from "../../compiler/index.ts";
import { earlyDiagnostics, Snapshot } from "../../editor/service/index.ts";

const workspace = { host: emptyHost, uri: (file: string) => file };
const snapshot = (text: string) => new Snapshot("a.ctx", text, workspace);

const BEFORE = `model { frm = "a" }
rope { thta = 3 }
train { methd = full }
`;

/** `line:character code word` of each. */
function told(after: string): string[] {
  const now = snapshot(after);
  // What the recipe lacks besides is told at its beginning, and always.
  const list = earlyDiagnostics(now, snapshot(BEFORE)).filter(({ code }) => /^CTX(1|2001)/.test(code));
  return list.map(({ code, range }) => {
    const { line, character } = range.start;
    const word = after.slice(now.offset(range.start), now.offset(range.end));
    return `${line}:${character} ${code} ${word}`;
  });
}

test("what stands before and after a change is told where it now is; what the change touches is not", () => {
  expect(told(BEFORE)).toEqual(["0:8 CTX2001 frm", "1:7 CTX2001 thta", "2:8 CTX2001 methd"]);
  expect(told(BEFORE.replace("rope {", "# a remark\n\nrope { original = 3 "))).toEqual([
    "0:8 CTX2001 frm",
    "3:21 CTX2001 thta",
    "4:8 CTX2001 methd",
  ]);
  expect(told(BEFORE.replace("thta", "theta"))).toEqual(["0:8 CTX2001 frm", "2:8 CTX2001 methd"]);
});

test("syntax problems of the new text are told at once", () => {
  expect(told(BEFORE.replace("thta = 3", "thta = "))).toEqual([
    "1:12 CTX1002 =",
    "0:8 CTX2001 frm",
    "1:7 CTX2001 thta",
    "2:8 CTX2001 methd",
  ]);
});
