import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  baseFrequencies,
  bfloat16StillPairs,
  classifyPairs,
  criticalBase,
  criticalDimension,
  extrapolationLimit,
  float32AngleError,
  fullTurns,
  ntk,
  ntkDynamic,
  obtainableLength,
  type RopeSpec,
  ropeTable,
  similarity,
  turningPairs,
  yarnCorrectionIndex,
} from "../../compiler/rope/index.ts";

const d = 128;
const llama3 = { theta: 500_000, context: 8192 };

describe("published thetas", () => {
  test("Gradient's 65K to 1M: dynamic NTK, factor 4, each stage from the one before, rounded down", () => {
    const s65k = Math.floor(ntkDynamic(4, llama3.theta, 8, d));
    const s262k = Math.floor(ntkDynamic(4, s65k, 4, d));
    const s524k = Math.floor(ntkDynamic(4, s262k, 2, d));
    const s1048k = Math.floor(ntkDynamic(4, s262k, 4, d)); // from the 262K stage, as published
    expect([s65k, s262k, s524k, s1048k]).toEqual([15_296_098, 207_112_184, 1_062_356_830, 2_804_339_835]);
  });

  test("Gradient's later 262K, 1048K and 4194K: critical base of the original model, rounded", () => {
    const thetas = [262144, 1048576, 4194304].map((length) =>
      Math.round(criticalBase(llama3.theta, llama3.context, length)),
    );
    expect(thetas).toEqual([283_461_213, 3_580_165_449, 45_218_125_210]);
  });

  test.each([
    [16384, 71738.436],
    [32768, 192144.456],
    [100000, 938327.21],
    [1048576, 26485466.18],
  ])("critical base of Llama 2 at %d", (length, base) => {
    expect(criticalBase(10_000, 4096, length) / base).toBeCloseTo(1, 7);
  });

  test("YaRN's ramp ends for Llama 3", () => {
    expect(yarnCorrectionIndex(32, d, 500_000, 8192)).toBeCloseTo(18.0811, 4);
    expect(yarnCorrectionIndex(1, d, 500_000, 8192)).toBeCloseTo(34.9841, 4);
    expect(yarnCorrectionIndex(4, d, 500_000, 8192)).toBeCloseTo(28.2229, 4);
  });

  test("critical dimension and extrapolation limit (Liu et al.)", () => {
    expect(criticalDimension(10_000, 4096, d)).toBe(92);
    expect(criticalDimension(llama3.theta, llama3.context, d)).toBe(70);
    expect(extrapolationLimit(1e6, 92, d)).toBeCloseTo(129026.8, 1);
  });

  // k of published recipes, to the two digits given for them
  test.each([
    ["Llama 3", 500_000, 8192, 34.98],
    ["Gradient 65K", 15_296_098, 65536, 35.79],
    ["Gradient 262K", 207_112_184, 262144, 35.56],
    ["Gradient 4194K", 45_218_125_210, 4194304, 34.98],
    ["ProLong 64K", 8e6, 65536, 37.25],
    ["ProLong 512K", 1.28e8, 524288, 38.85],
    ["Llama 2", 10_000, 4096, 45.03],
    ["EasyContext 32K", 1e6, 32768, 39.7],
    ["EasyContext 64K", 5e6, 65536, 38.4],
    ["EasyContext 1M", 1e9, 1e6, 37.0],
  ])("turning pairs of %s", (_, theta, length, k) => {
    expect(Math.abs(turningPairs(theta, length, d) - k)).toBeLessThan(0.051);
  });
});

describe("formulas", () => {
  const base = fc.double({ min: 5000, max: 1e7, noNaN: true });
  const scale = fc.double({ min: 1, max: 64, noNaN: true });

  test("NTK: fastest pair as it was, slowest as in linear interpolation; chained steps equal one jump", () => {
    fc.assert(
      fc.property(base, scale, scale, (theta, s, t) => {
        const scaled = baseFrequencies(ntk(theta, s, d), d);
        expect(scaled[0]).toBe(1);
        expect(scaled[63]! * s).toBeCloseTo(baseFrequencies(theta, d)[63]!, 15);
        expect(ntk(ntk(theta, s, d), t, d) / ntk(theta, s * t, d)).toBeCloseTo(1, 11);
      }),
    );
  });

  test("critical base: chained steps equal one jump, and no pair leaves its trained angles", () => {
    fc.assert(
      fc.property(base, scale, scale, (theta, s, t) => {
        const [a, b, c] = [8192, 8192 * s, 8192 * s * t];
        const direct = criticalBase(theta, a, c);
        expect(criticalBase(criticalBase(theta, a, b), b, c) / direct).toBeCloseTo(1, 9);
        const trained = baseFrequencies(theta, d);
        expect(classifyPairs(trained, a, baseFrequencies(direct * 1.000001, d), c).extrapolated).toBe(0);
      }),
    );
  });

  test("dynamic NTK with factor 1 is NTK; with another it depends on the path", () => {
    expect(ntkDynamic(1, 1e4, 8, d)).toBe(ntk(1e4, 8, d));
    const chained = ntkDynamic(4, ntkDynamic(4, 1e4, 4, d), 2, d);
    expect(chained / ntkDynamic(4, 1e4, 8, d)).toBeGreaterThan(2);
  });
});

describe("pairs", () => {
  const trained = baseFrequencies(llama3.theta, d);

  test("Llama 3 stretched to 64K", () => {
    const at = (spec: Parameters<typeof ropeTable>[0]) => classifyPairs(trained, 8192, ropeTable(spec).inv_freq, 65536);
    const plain = at({ method: "default", theta: 500_000, d });
    expect(plain).toMatchObject({ unchanged: 35, extrapolated: 29, interpolated: 0, raised: 0 });
    expect(at({ method: "linear", theta: 500_000, d, factor: 8 })).toMatchObject({ interpolated: 64, extrapolated: 0 });
    const llama31 = at({ method: "llama3", theta: 500_000, d, factor: 8, original: 8192 });
    expect(llama31).toMatchObject({ unchanged: 29, interpolated: 35, extrapolated: 0 });
    const gradient = at({ method: "default", theta: 15_296_098, d });
    // (15296098/500000)^(2i/d) < 8 for i < 38.9, and pairs from 35 on have not seen their whole circle
    expect(gradient).toMatchObject({ unchanged: 1, interpolated: 59, extrapolated: 4 });
  });

  test("full turns count what k counts", () => {
    expect(fullTurns(trained, 8192)).toBe(Math.ceil(turningPairs(llama3.theta, 8192, d)));
  });
});

describe("obtainable length (Men et al.)", () => {
  const table = (theta: number, dim = d) => baseFrequencies(theta, dim);

  // Recomputed in float64 by evaluating every distance.
  test.each([
    [1e4, 128, 1706],
    [5e5, 128, 18437],
    [1e6, 128, 27114],
    [2e6, 128, 48414],
    [4e6, 128, 55483],
    [5e6, 128, 82998],
    [8e6, 128, 61935],
    [1e7, 128, 144659],
    [15296098, 128, 138113],
    [25e6, 128, 137076],
    [50e6, 128, 416714],
    [1e8, 128, 482074],
    [128e6, 128, 605268],
    [207112184, 128, 754857],
    [250e6, 128, 781762],
    [283461213, 128, 896529],
    [1e9, 128, 1244023],
    [1062356830, 128, 1867107],
    [2804339835, 128, 2098781],
    [3580165449, 128, 1795661],
    [1e4, 64, 724],
    [5e5, 64, 9936],
    [1e6, 64, 6234],
    [1e4, 96, 1045],
    [5e5, 96, 14159],
    [1e4, 256, 2652],
    [5e5, 256, 37790],
  ])("theta %d, d %d: %d", (theta, dim, length) => {
    expect(obtainableLength(table(theta, dim), 3_000_000)).toBe(length);
  });

  test("theta 45218125210 holds past 20 million", () => {
    expect(obtainableLength(table(45218125210), 20_000_000)).toBe(20_000_000);
  });

  test.each([
    ["llama3 ×8", { method: "llama3", theta: 500_000, d, factor: 8, original: 8192 } as const, 85132],
    ["llama3 ×32", { method: "llama3", theta: 500_000, d, factor: 32, original: 8192 } as const, 241521],
    ["Llama 3.2 1B", { method: "llama3", theta: 500_000, d: 64, factor: 32, original: 8192 } as const, 110698],
    ["YaRN ×8", { method: "yarn", theta: 500_000, d, factor: 8, original: 8192 } as const, 102594],
    ["YaRN ×32", { method: "yarn", theta: 500_000, d, factor: 32, original: 8192 } as const, 246843],
    ["YaRN ×128", { method: "yarn", theta: 500_000, d, factor: 128, original: 8192 } as const, 773807],
    [
      "YaRN ×128, beta 4",
      { method: "yarn", theta: 500_000, d, factor: 128, original: 8192, betaFast: 4 } as const,
      650884,
    ],
    ["YaRN Llama 2 ×16", { method: "yarn", theta: 10_000, d, factor: 16, original: 4096 } as const, 11670],
    ["linear ×8", { method: "linear", theta: 500_000, d, factor: 8 } as const, 147502],
  ])("%s", (_, spec, length) => {
    expect(obtainableLength(ropeTable(spec).inv_freq, 3_000_000)).toBe(length);
  });

  test("is what trying every distance gives", () => {
    const theta = fc.double({ min: 100, max: 1e5, noNaN: true });
    fc.assert(
      fc.property(
        theta,
        fc.constantFrom(8, 16, 32, 64),
        fc.double({ min: 1, max: 8, noNaN: true }),
        (b, dim, factor) => {
          const frequencies = table(b, dim).map((frequency) => frequency / factor);
          let slow = 0;
          while (slow < 20_000 && similarity(frequencies, slow + 1) >= 0) slow++;
          expect(obtainableLength(frequencies, 20_000)).toBe(slow);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("is quick enough for a check", () => {
    const start = process.cpuUsage();
    obtainableLength(table(2804339835), 4_194_304);
    expect(process.cpuUsage(start).user / 1e6).toBeLessThan(2);
  });
});

describe("angle precision", () => {
  // Measured with transformers' float32 code against 80-bit angles, last 4096 positions before each length.
  test.each([
    [500_000, 8192, 5.84e-4],
    [500_000, 131072, 9.34e-3],
    [500_000, 1048576, 7.48e-2],
    [500_000, 4194304, 2.99e-1],
    [45218125210, 131072, 6.65e-3],
    [45218125210, 4194304, 2.13e-1],
  ])("theta %d at %d", (theta, length, measured) => {
    const bound = float32AngleError(baseFrequencies(theta, d), length);
    expect(bound).toBeGreaterThan(measured * 0.9);
    expect(bound).toBeLessThan(measured * 2);
  });

  test.each([
    [500_000, 8192, 6],
    [15296098, 65536, 10],
    [207112184, 262144, 13],
    [1062356830, 524288, 14],
    [2804339835, 1048576, 15],
    [45218125210, 4194304, 16],
  ])("pairs whose bf16 cosine stands still, theta %d at %d: %d", (theta, length, pairs) => {
    expect(bfloat16StillPairs(baseFrequencies(theta, d), length)).toBe(pairs);
  });
});

describe("domain", () => {
  test.each<[RopeSpec, RegExp]>([
    [{ method: "default", theta: 500_000, d: 127 }, /even/],
    [{ method: "default", theta: 1, d }, /theta/],
    [{ method: "linear", theta: 500_000, d, factor: 0 }, /factor/],
    [{ method: "yarn", theta: 500_000, d, factor: 8, original: 8192, betaFast: 0.5 }, /beta_fast/],
    [{ method: "llama3", theta: 500_000, d, factor: 8, original: 8192, highFreqFactor: 0.5 }, /high_freq/],
    [{ method: "longrope", theta: 5e5, d, factor: 8, original: 8192, length: 1, longFactor: [1] }, /64 pairs/],
    [{ method: "proportional", theta: 5e5, d, partial: 1.5 }, /share/],
    [{ method: "custom", theta: 5e5, d: 4, original: 8, length: 8, frequencies: [1, Number.NaN] }, /pair 1/],
  ])("%o is refused", (spec, message) => {
    expect(() => ropeTable(spec)).toThrow(message);
  });
});
