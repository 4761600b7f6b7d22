import { expect, test } from "vitest";
import { analyze } from "../../compiler/index.ts";
import { memoryHost, planOf, tiny, tinyFiles } from "./recipes.ts";

const stage = "rope { theta = critical_base(length) }\nstage a { length = 1Ki  steps = 100  batch = 16 }\n";

test("what is auto is chosen so that it fits, and the plan says why", () => {
  const roomy = planOf(`${tiny}hardware { kind = cpu  memory = 8GiB }\n${stage}`).stages[0]!;
  expect(roomy.memory.checkpoint_every).toBe(0);
  expect(roomy.parallel).toMatchObject({ devices: 1, ring: 1, data_parallel: 1, micro_batch: 8, accumulation: 2 });
  const plan = planOf(`${tiny}hardware { kind = cpu  memory = 90MiB }\n${stage}`);
  expect(planOf(`${tiny}hardware { kind = cpu  memory = 8GiB }\n${stage}`).defaults).toContainEqual({
    ...{ path: "stage a.memory.checkpoint", value: "none" },
    from: expect.stringMatching(/^keeps all activations: .* of 8 GiB$/),
  });
  const tight = plan.stages[0]!;
  expect(tight.memory.checkpoint_every).toBeGreaterThan(0);
  expect(tight.memory.device!.total).toBeLessThanOrEqual(0.9 * 90 * 2 ** 20);
  const chosen = plan.defaults.find(({ path }) => path === "stage a.memory.checkpoint");
  expect(chosen?.from).toMatch(
    /^the fastest that fits, .* of 90 MiB: keeping all would need .* at least, and a tenth stays free$/,
  );
});

test("what is written is kept", () => {
  const plan = planOf(`${tiny}${stage}
parallel { ring = 4  layout = contiguous  micro_batch = 2 }
memory { checkpoint = every(2)  loss_chunk = 100 }
`);
  expect(plan.stages[0]?.parallel).toEqual({
    ...{ devices: 4, ring: 4, layout: "contiguous", data_parallel: 1, micro_batch: 2, accumulation: 8 },
  });
  expect(plan.stages[0]?.memory).toMatchObject({ checkpoint_every: 2, loss_chunk: 100 });
  expect(plan.hardware.devices).toBe(4);
});

test("a CPU computes one ring, with all its threads, and its time does not depend on the ring", () => {
  const of = (parts: string) => planOf(`${tiny}${stage}${parts}\n`).stages[0]!;
  const hardware = "hardware { kind = cpu  memory = 8GiB  devices = 4 }\n";
  expect(of(hardware).parallel).toMatchObject({ devices: 1, ring: 1, data_parallel: 1 });
  expect(of(`${hardware}parallel { devices = 4 }`).parallel).toMatchObject({ devices: 4, ring: 4, data_parallel: 1 });
  const seconds = ["", "parallel { ring = 2 }", "parallel { devices = 4 }"].map(
    (parts) => of(hardware + parts).seconds,
  );
  expect(new Set(seconds).size).toBe(1);
});

test("the rows of a step are shared by the hosts of the GPUs", () => {
  const hostOf = (perHost: number) =>
    planOf(`${tiny}${stage}hardware { preset = h100  devices = 8  devices_per_host = ${perHost} }\n`).stages[0]?.memory
      .host;
  expect(hostOf(8)).toEqual({ batch: 16 * 1024 * 20 });
  expect(hostOf(2)).toEqual({ batch: 4 * 1024 * 20 });
});

test("no more logits are formed at once than there are rows", () => {
  const plan = planOf(`${tiny}${stage}parallel { micro_batch = 2 }\nmemory { loss_chunk = 1_000_000 }\n`);
  expect(plan.stages[0]?.memory.loss_chunk).toBe(2048);
  expect(plan.defaults.find(({ path }) => path === "stage a.memory.loss_chunk")?.value).toBe("2048");
});

test("the smallest ring that fits is taken", () => {
  const ringOf = (memory: string) =>
    planOf(`${tiny}rope { theta = critical_base(length) }
hardware { preset = h100  devices = 8  memory = ${memory} }
memory { checkpoint = none }
stage a { length = 32Ki  tokens = 100M  batch = 8  # ctx-allow CTX4002: only the layout matters
}
`).stages[0]?.parallel.ring;
  expect(ringOf("64GiB")).toBe(1);
  expect(ringOf("1400MiB")).toBeGreaterThan(1);
});

test("the device's ledger adds up", () => {
  const { total, ...terms } = planOf(`${tiny}${stage}`).stages[0]!.memory.device!;
  expect(Object.values(terms).reduce((sum, term) => sum + term, 0)).toBe(total);
});

test("the GPU of this machine is what a plan is for where it is asked for", () => {
  const gpu = () => ({ name: "NVIDIA H200", memoryBytes: 138 * 2 ** 30, count: 1, hostBytes: 2 ** 38 });
  const hardware = (block: string, host: object) => {
    const { plan } = analyze(`${tiny}${block}${stage}`, { ...memoryHost(tinyFiles), ...host });
    return plan!.hardware;
  };
  const asked = { name: "NVIDIA H200", kind: "cuda", device_bytes: 138 * 2 ** 30, host_bytes: 2 ** 38 };
  expect(hardware("hardware { kind = cuda }\n", { gpu })).toMatchObject(asked);
  expect(hardware("", { gpu, device: "cuda" })).toMatchObject(asked);
  expect(hardware("hardware { preset = a100_80g }\n", { gpu, device: "cuda" })).toMatchObject({ name: "A100-80" });
  expect(hardware("hardware { kind = cpu }\n", { gpu, device: "cuda" })).toMatchObject({ kind: "cpu" });
  expect(hardware("", { gpu })).toMatchObject({ kind: "cpu" });
});
