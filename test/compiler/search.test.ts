// The search for a layout against trying everything.
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Choice,
  fits,
  freeSpace,
  type LayoutSpace,
  layoutOf,
  type StageNeeds,
  searchLayout,
} from "../../compiler/memory/index.ts";
import { samplePlan, sampleStage } from "../runtime/sample_run.ts";

const MiB = 2 ** 20;
const sample = samplePlan();

const needs = fc
  .record({
    layers: fc.integer({ min: 1, max: 13 }),
    hidden: fc.constantFrom(64, 256),
    vocab: fc.constantFrom(300, 5000),
    length: fc.constantFrom(128, 1024, 4096),
    sequences: fc.constantFrom(1, 2, 6, 16),
    kind: fc.constantFrom("cpu" as const, "cuda" as const),
    devices: fc.constantFrom(1, 2, 4),
    dtype: fc.constantFrom("f32" as const, "bf16" as const),
    mebibytes: fc.double({ min: 1, max: 1500, noNaN: true }),
    host: fc.constantFrom(50, 400, 1e6),
    layout: fc.constantFrom("zigzag" as const, "contiguous" as const),
  })
  .map((given) => {
    const model = {
      ...sample.model,
      ...{ layers: given.layers, hidden_size: given.hidden, intermediate_size: 3 * given.hidden },
      vocab_size: given.vocab,
    };
    const train = { ...sampleStage("a").train, dtype: given.dtype };
    const hardware = {
      ...sample.hardware,
      ...{ kind: given.kind, devices: given.devices, devices_per_host: 2 },
      ...{ device_bytes: given.mebibytes * MiB, host_bytes: given.host * MiB },
    };
    const { length, sequences } = given;
    const stage: StageNeeds = { model, train, hardware, length, sequences, steps: 3 };
    return { stage, space: freeSpace(stage, given.devices, given.layout) };
  });

/** Every layout of a space. */
function* everything(stage: StageNeeds, space: LayoutSpace): Generator<Choice> {
  for (const ring of space.rings)
    for (const checkpointEvery of space.checkpoints)
      for (const offload of space.offloads)
        for (const moments of space.moments)
          for (const weights of space.weights)
            for (const gradients of space.gradients)
              for (const microBatch of space.micros(ring))
                for (const headGroups of space.groups)
                  for (const mlpTile of space.tiles)
                    for (const lossChunk of space.chunks)
                      yield layoutOf(stage, space, {
                        ...{ ring, checkpointEvery, offload, moments, weights, gradients },
                        ...{ microBatch, headGroups, mlpTile, lossChunk },
                      });
}

test("the choice fits, nothing that fits is faster, and what is said not to fit does not", () => {
  let fitting = 0;
  fc.assert(
    fc.property(needs, ({ stage, space }) => {
      const found = searchLayout(stage, space);
      const all = [...everything(stage, space)];
      const possible = all.filter((choice) => fits(choice, stage.hardware));
      expect(found.fits).toBe(possible.length > 0);
      expect(fits(found.choice, stage.hardware)).toBe(found.fits);
      expect(found.looked).toBeLessThan(400);
      if (!found.fits) return;
      fitting++;
      expect(found.choice.seconds).toBe(Math.min(...possible.map(({ seconds }) => seconds)));
    }),
    { numRuns: 50, seed: 3 },
  );
  expect(fitting).toBeGreaterThan(5);
});

test("more memory never makes a stage slower", () => {
  fc.assert(
    fc.property(needs, fc.double({ min: 1, max: 4, noNaN: true }), ({ stage, space }, factor) => {
      const roomier = {
        ...stage.hardware,
        device_bytes: factor * stage.hardware.device_bytes,
        host_bytes: factor * stage.hardware.host_bytes,
      };
      const [less, more] = [searchLayout(stage, space), searchLayout({ ...stage, hardware: roomier }, space)];
      if (!less.fits) return;
      expect(more.fits).toBe(true);
      expect(more.choice.seconds).toBeLessThanOrEqual(less.choice.seconds);
    }),
    { numRuns: 300 },
  );
});
