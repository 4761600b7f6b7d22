import { afterEach, expect, test, vi } from "vitest";
import { Progress } from "../../cli/progress.ts";

afterEach(() => vi.useRealTimers());

/** What is written of a needle test that has asked 250 of 400 questions in 30 seconds. */
function shown(part: number | undefined): string {
  vi.useFakeTimers({ toFake: ["performance", "Date"] });
  let text = "";
  const write = (more: string) => {
    text += more;
    return true;
  };
  const stream = { write, isTTY: false, columns: 80 } as NodeJS.WriteStream;
  const progress = new Progress(false, stream);
  progress.listen({ kind: "phase", title: "needle test" });
  vi.advanceTimersByTime(30_000);
  const done = { kind: "progress", done: 250, total: 400, unit: "questions" } as const;
  progress.listen(part === undefined ? done : { ...done, part });
  progress.close();
  return text;
}

test("the time left goes by the work that is done, where questions are not all as long", () => {
  expect(shown(0.25)).toBe("needle test …\nneedle test   250 of 400 questions · 90 s left\n");
  expect(shown(undefined)).toBe("needle test …\nneedle test   250 of 400 questions · 18 s left\n");
  expect(shown(1)).toBe("needle test …\nneedle test   250 of 400 questions\n");
});
