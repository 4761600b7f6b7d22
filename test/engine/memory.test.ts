// What the library's engine holds after each kind of call.
import { fileURLToPath } from "node:url";
import { expect, test, vi } from "vitest";
import type { NativeEngine } from "../../runtime/engine/addon.ts";
import { Engine } from "../../runtime/engine/engine.ts";
import { loadAddon } from "../../runtime/engine/load.ts";

const folder = fileURLToPath(new URL("../golden/models/tied-default-d24", import.meta.url));

test("gradients and what they need are given back as soon as something else is asked for", async () => {
  const made: NativeEngine[] = [];
  const addon = loadAddon();
  const create = addon.createEngine;
  const spy = vi.spyOn(addon, "createEngine").mockImplementation((options) => {
    const native = create(options);
    made.push(native);
    return native;
  });
  const engine = await Engine.load(folder, { threads: 1 });
  const [ids, targets] = [
    [1, 2, 3, 4],
    [2, 3, 4, 5],
  ];
  const before = await engine.loss(ids, targets);
  await engine.gradients(ids, targets);
  const training = made.at(-1)!.memory();
  expect(training.gradients).toBeGreaterThan(0);
  expect(await engine.loss(ids, targets)).toBe(before);
  const scoring = made.at(-1)!.memory();
  expect(scoring.gradients + scoring.optimizer).toBe(0);
  expect(scoring.total).toBeLessThan(training.total / 2);
  // One kind of call in a row keeps what is there.
  const count = made.length;
  await engine.logits(ids);
  await engine.loss(ids, targets);
  expect(made.length).toBe(count);
  await engine.close();
  spy.mockRestore();
});
