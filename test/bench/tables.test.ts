// What `npm run bench` makes of its measurements: the fit of cost per token, the parts of cpu.md, the tables.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { analyze } from "../../compiler/analyze.ts";
import { emptyHost } from "../../compiler/index.ts";
import { format } from "../../grammar/index.ts";
import { benchCompiler, compilerPage, longRecipes } from "../../runtime/bench/compiler.ts";
import { deviations } from "../../runtime/bench/lengths.ts";
import { PARTS, type Part, withParts } from "../../runtime/bench/sections.ts";
import { plannedStep } from "../../runtime/bench/small.ts";
import { kernelTable, memoryTable, smallTable, stepTable } from "../../runtime/bench/tables.ts";
import { LLAMA_15M, stepFlops, TINY, type Workload } from "../../runtime/bench/workload.ts";

const workload = (change: Partial<Workload> = {}): Workload => ({
  name: "15M",
  shape: LLAMA_15M,
  tokens: 2048,
  threads: 2,
  checkpoint: false,
  dtype: "f32",
  ...change,
});

describe("cost per token", () => {
  const positive = fc.double({ min: 1e-3, max: 1e3, noNaN: true });
  const points = fc.array(fc.tuple(positive, positive), { minLength: 1, maxLength: 9 });

  it("is on the fit when it is proportional to the work", () => {
    fc.assert(
      fc.property(fc.array(positive, { minLength: 1 }), positive, (work, rate) => {
        for (const value of deviations(
          work,
          work.map((w) => w / rate),
        ))
          expect(value).toBeCloseTo(0, 9);
      }),
    );
  });

  it("has the smallest largest deviation that one rate can give", () => {
    fc.assert(
      fc.property(points, fc.double({ min: 0.5, max: 2, noNaN: true }), (pairs, factor) => {
        const [work, cost] = [pairs.map(([w]) => w), pairs.map(([, c]) => c)];
        // In logarithms, where 20% too much and 20% too little are the same distance.
        const distance = (values: number[]) => Math.max(...values.map((value) => Math.abs(Math.log1p(value))));
        const best = deviations(work, cost);
        const other = best.map((value) => (1 + value) * factor - 1);
        expect(distance(best)).toBeLessThanOrEqual(distance(other) + 1e-9);
      }),
    );
  });

  it("counts what checkpointing repeats only when asked", () => {
    const plain = stepFlops(workload(), true);
    expect(stepFlops(workload({ checkpoint: true }), false)).toBe(plain);
    expect(stepFlops(workload({ checkpoint: true }), true)).toBeGreaterThan(1.2 * plain);
  });
});

describe("parts of cpu.md", () => {
  const parts = Object.keys(PARTS) as Part[];

  it("are replaced one at a time, whatever the order they are measured in", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(parts), fc.shuffledSubarray(parts), (first, second) => {
        const fill = (text: string, order: Part[], what: string) =>
          order.reduce((file, part) => withParts(file, new Map([[part, `${what} ${part}`]])), text);
        const file = fill(fill("", first, "old"), second, "new");
        const expected = parts.flatMap((part) => {
          const body = second.includes(part) ? `new ${part}` : first.includes(part) ? `old ${part}` : null;
          return body === null ? [] : [`## ${PARTS[part]}\n\n${body}`];
        });
        expect(file.slice(file.indexOf("## "))).toBe(expected.length === 0 ? "" : `${expected.join("\n\n")}\n`);
      }),
    );
  });

  it("keep sections that someone else wrote", () => {
    const file = withParts(
      "# Benchmarks\n\n## Notes\n\nBy hand.\n\n## Kernels\n\nold\n",
      new Map([["kernels", "new"]]),
    );
    expect(file).toMatch(/## Kernels\n\nnew\n\n## Notes\n\nBy hand\.\n$/);
  });
});

describe("tables", () => {
  it("hold each dtype against its own peak, and leave out a peer that has no such operation", () => {
    const kernel = { name: "gemm", flops: 1e9, bytes: 1e6, seconds: 0.01, best: 0.01, peers: [0.02, null] };
    const text = kernelTable({
      backend: "cpu-test",
      copy: 1,
      peers: ["a", "b"],
      cases: [
        { ...kernel, dtype: "f32", peak: { f32: 200, bf16: 400 } },
        { ...kernel, dtype: "bf16", peak: { f32: 200, bf16: 400 } },
      ],
    });
    const cells = text
      .split("\n")
      .slice(2)
      .map((line) =>
        line
          .split("|")
          .slice(4, 8)
          .map((cell) => cell.trim()),
      );
    expect(cells).toEqual([
      ["50%", "0.1", "2.00×", ""],
      ["25%", "0.1", "2.00×", ""],
    ]);
  });

  it("compare our step with peers of the same workload", () => {
    const [short, long] = [workload(), workload({ tokens: 4096 })];
    const rest = { bytes: 1e6, flops: 1e9, peak: { f32: 100, bf16: 100 } };
    const text = stepTable([
      { workload: short, name: "ctx", own: true, wall: 1, cpu: 2, ...rest },
      { workload: short, name: "peer", own: false, wall: 3, cpu: 3, ...rest },
      { workload: long, name: "ctx", own: true, wall: 2, cpu: 4, ...rest },
      { workload: long, name: "peer", own: false, wall: 3, cpu: 2, ...rest },
    ]);
    const ratios = text
      .split("\n")
      .slice(2)
      .map((line) => [line.split("|")[4]!.trim(), line.split("|")[6]!.trim()]);
    expect(ratios).toEqual([
      ["", ""],
      ["3.00×", "1.50×"],
      ["", ""],
      ["1.50×", "0.50×"],
    ]);
  });

  it("hold small steps against their plans, which know of operands on their way", () => {
    const small = workload({ name: "small", shape: TINY, tokens: 4096, document: 256 });
    const peak = { f32: 200, bf16: 400 };
    const step = { workload: small, name: "ctx", own: true, wall: 0.3, cpu: 0.4, bytes: 1, flops: 1, peak };
    const planned = plannedStep(small, peak);
    expect(planned).toBeGreaterThan(stepFlops(small, true) / 200e9);
    const cells = smallTable({ peak, steps: [step] })
      .split("\n")[2]!
      .split("|")
      .map((cell) => cell.trim());
    const ratio = `${(0.2 / planned).toFixed(2)}×`;
    expect(cells.slice(1, 6)).toEqual(["small, rows of 256", (1000 * planned).toFixed(0), "300", "200", ratio]);
    expect(stepFlops({ ...small, document: 4096 }, true)).toBeGreaterThan(stepFlops(small, true));
  });

  it("compare memory with the peer's of the same setting and with its plain one", () => {
    const results = [false, true].flatMap((checkpoint) => [
      { workload: workload({ checkpoint }), name: "ctx", own: true, bytes: checkpoint ? 100 : 300, ledger: 90 },
      { workload: workload({ checkpoint }), name: "peer", own: false, bytes: checkpoint ? 500 : 1000 },
    ]);
    const shares = memoryTable(results)
      .split("\n")
      .slice(2)
      .map((line) =>
        line
          .split("|")
          .slice(5, 7)
          .map((cell) => cell.trim()),
      );
    expect(shares).toEqual([
      ["30%", "30%"],
      ["", ""],
      ["20%", "10%"],
      ["", ""],
    ]);
  });
});

describe("the compiler", () => {
  it.each(Object.entries(longRecipes(1000)))("is timed on a thousand lines of %s that check clean", (_, text) => {
    expect(Math.abs(text.split("\n").length - 1000)).toBeLessThan(20);
    const { diagnostics } = analyze(text, emptyHost);
    expect(diagnostics.filter(({ severity }) => severity !== "info")).toEqual([]);
    expect(format(text).split("\n").length).toBeGreaterThan(900);
  });

  it("has a page with each figure, and a dash where the system tells none", () => {
    const rows = benchCompiler({ warm: 1, warmUp: 1, cold: 1 });
    expect(rows.map(({ what }) => what)).toContainEqual(expect.stringMatching(/lines of stages: lex, parse, check$/));
    for (const { timing } of rows) if (timing) expect(timing.best).toBeLessThanOrEqual(timing.median);
    const page = compilerPage("Made now.", [
      { what: "a", timing: { best: 1.25, median: 30.4 } },
      { what: "b", timing: null },
    ]);
    expect(page).toContain("\nMade now.\n");
    expect(page).toContain("| a | 1.3 | 30 |\n| b | – | – |\n");
  });
});
