import { type Choice, gradientsMayWait, weightsMayBeRounded } from "../memory/index.ts";
import type { LayoutGround } from "./layout.ts";
import type { Reader } from "./reader.ts";

/** Tells what is written of a stage's layout and changes nothing: its writer takes it for a part of the plan. */
export function noteIdleLayout(
  parallel: Reader,
  memory: Reader,
  choice: Choice,
  ground: LayoutGround,
  devices: number,
): void {
  refuseIdleOffload(memory, choice, ground);
  noteIdleTile(memory, choice);
  noteIdleShard(parallel, ground, devices);
  noteIdleWaiting(memory, ground, devices);
  noteIdleRounding(memory, ground);
}

/** An offload that moves nothing, or nothing away from the device, is not what its writer means. */
function refuseIdleOffload(memory: Reader, choice: Choice, { hardware, model }: LayoutGround): void {
  const { offload, checkpointEvery } = choice;
  const at = memory.exact("offload");
  if (!at || offload === "none" || memory.text("offload") === "auto") return;
  const refuse = (problem: string, hint: string) =>
    memory.lowering.report.add("CTX7011", at, { setting: `offload = ${offload}`, problem, hint });
  const inputs = checkpointEvery === 0 ? 0 : Math.ceil(model.layers / checkpointEvery);
  if (hardware.kind === "cpu" && offload === "host") {
    refuse("frees nothing on a CPU, whose memory is the host's", "offload = disk frees it");
  } else if (hardware.kind === "cuda" && offload === "disk") {
    refuse("is for a CPU", "offload = host moves the layer inputs of GPUs to the host's memory");
  } else if (checkpointEvery === 0) {
    refuse(
      "moves nothing: all activations are kept",
      "it goes with checkpoint = every(…), whose layer inputs it moves",
    );
  } else if (inputs <= 2) {
    refuse(
      `moves nothing: ${inputs === 1 ? "one layer input is" : `${inputs} layer inputs are`} saved`,
      "the last two never leave the device; checkpoint more layers",
    );
  }
}

/** On a CPU it is for processes, of which the recipe says nothing, and one device has nobody to divide with. */
function noteIdleShard(parallel: Reader, { shard, hardware }: LayoutGround, devices: number): void {
  const at = parallel.exact("shard");
  if (!at || !shard) return;
  const { idle, report } = parallel.lowering;
  if (hardware.kind === "cpu") {
    const hint = "its ranks share its memory; processes of --nproc or mpirun do divide weights, gradients and moments";
    report.add("CTX7010", at, { name: "in one process shard = all", hint });
  } else idle.note("shard", at, devices === 1 ? "one device holds everything" : undefined);
}

/** Of a CPU the device's memory is the host's; gradients wait for one device that trains all weights. */
function noteIdleWaiting(memory: Reader, ground: LayoutGround, devices: number): void {
  const { report } = memory.lowering;
  for (const name of ["moments", "gradients"] as const) {
    const at = memory.exact(name);
    if (!at || memory.text(name) !== "host") continue;
    const setting = `${name} = host`;
    if (ground.hardware.kind === "cpu") {
      report.add("CTX7010", at, { name: setting, hint: "its memory is the host's: they lie there as they are" });
    } else if (name === "gradients" && !gradientsMayWait(ground, devices)) {
      report.add("CTX7011", at, { setting, ...whyTheyStay(ground, devices) });
    }
  }
}

function whyTheyStay({ train, model }: LayoutGround, devices: number): { problem: string; hint: string } {
  if (train.method !== "full")
    return { problem: "moves nothing: an adapter's gradients stay on the device", hint: "they are few; leave it out" };
  if (devices > 1)
    return {
      problem: "is for one device: several sum their gradients",
      hint: "they divide moments, and with shard = all gradients too",
    };
  if (model.layers <= 2)
    return {
      problem: `moves nothing: there are ${model.layers} layers`,
      hint: "two layers' gradients never leave the device",
    };
  return {
    problem: "is for a device that holds all weights",
    hint: "leave shard = all out, which one device has no use for",
  };
}

/** Beside fp32 a rounded matrix would be another one; adapters stay fp32, and parts of weights too. */
function noteIdleRounding(memory: Reader, ground: LayoutGround): void {
  const at = memory.exact("weights");
  if (!at || memory.text("weights") !== "bf16") return;
  const { idle, report } = memory.lowering;
  if (ground.hardware.kind === "cpu") {
    const hint = "its memory is the host's, where the masters would lie beside the rounded matrices";
    report.add("CTX7010", at, { name: "weights = bf16", hint });
  } else idle.note("weights = bf16", at, weightsMayBeRounded(ground) ? undefined : whyTheyAreWhole(ground));
}

function whyTheyAreWhole({ train, shard }: LayoutGround): string {
  if (train.dtype === "f32")
    return "it is for training in bf16, where products round matrices anyway: train { dtype = bf16 }, or leave it out";
  if (shard) return "with shard = all each device holds its part of the weights in fp32: leave one of the two out";
  return "no matrix of the model learns, and adapters stay fp32; frozen matrices are bf16 as it is: leave it out";
}

/** A tile that no stage has the rows for. */
function noteIdleTile(memory: Reader, choice: Choice): void {
  const written = memory.number("mlp_tile");
  if (written === undefined || !memory.has("mlp_tile")) return;
  const held = Math.ceil((choice.microBatch * choice.length) / choice.ring);
  const hint = `a rank holds at most ${held.toLocaleString("en-US")} rows; \`none\` computes all at once`;
  memory.lowering.idle.note("mlp_tile", memory.exact("mlp_tile"), written > held ? hint : undefined);
}
