import type { Trace } from "../lower/trace.ts";
import { cheapestChange, type Field } from "../memory/index.ts";
import type { PlanLedger } from "../plan.ts";
import { showBytes, showTokens } from "../values/show.ts";
import { type Check, steps } from "./context.ts";

/**
 * The ledger of each stage against the device and the host, before the first byte is loaded. Only hardware that the recipe
 * describes is held to it: without, the plan may be for another machine than the one that compiles.
 */
export const memoryFits: Check = ({ plan, trace, report }) => {
  const { hardware } = plan;
  if (!trace.exact("/hardware")) return;
  for (const { stage, pointer } of steps(plan)) {
    const { device, host } = stage.memory;
    const related = () => {
      const message = `stage ${stage.name} has length = ${showTokens(stage.length)}`;
      return [{ message, at: trace.nearest(`${pointer}/length`) }];
    };
    if (!device) continue;
    const shard = stage.parallel.shard === "all";
    if (device.total > hardware.device_bytes) {
      const [term, bytes] = largest(withoutTotal(device));
      report.add(
        "CTX7006",
        trace.nearest(`${pointer}/memory`),
        {
          stage: stage.name,
          need: showBytes(device.total),
          name: hardware.name,
          have: showBytes(hardware.device_bytes),
          term: spoken[term] ?? term,
          termBytes: showBytes(bytes),
          cheapest: cheapestChange({ ...stage, model: plan.model, hardware, shard }, stage, written(trace, pointer)),
        },
        { related: related() },
      );
      continue;
    }
    const total = Object.values(host).reduce((sum, part) => sum + part, 0);
    if (total > hardware.host_bytes) {
      const [hostTerm, hostBytes] = largest(host);
      report.add(
        "CTX7007",
        trace.nearest(`${pointer}/memory`),
        {
          stage: stage.name,
          need: showBytes(total),
          name: hardware.name,
          have: showBytes(hardware.host_bytes),
          term: inHost[hostTerm] ?? hostTerm,
          termBytes: showBytes(hostBytes),
        },
        { related: related() },
      );
    }
  }
};

/** Terms of the ledger in a sentence with "take". */
const spoken: { readonly [term: string]: string } = {
  weights: "the weights",
  gradients: "the gradients",
  optimizer: "the optimizer's two moments",
  activations: "saved activations",
  checkpoints: "saved layer inputs",
  logits: "logits",
  workspace: "one layer's working buffers",
  kv_cache: "cached keys and values",
};

function withoutTotal({ total: _, ...terms }: PlanLedger): { [term: string]: number } {
  return terms;
}

function largest(terms: { readonly [term: string]: number }): [string, number] {
  return Object.entries(terms).reduce((best, entry) => (entry[1] > best[1] ? entry : best), ["nothing", 0]);
}

/** Terms of a host's memory in the same sentence. */
const inHost: { readonly [term: string]: string } = {
  engine: "the engine's buffers",
  batch: "the rows of a step",
  offload: "offloaded layer inputs",
  gradients: "the layers' gradients",
  optimizer: "the optimizer's two moments",
};

/** Which properties of a stage's layout the recipe sets. */
function written(trace: Trace, pointer: string): Field[] {
  const places: { readonly [field in Field]: string } = {
    checkpoint: "memory/checkpoint_every",
    offload: "memory/offload",
    moments: "memory/moments",
    gradients: "memory/gradients",
    micro_batch: "parallel/micro_batch",
    mlp_tile: "memory/mlp_tile",
    loss_chunk: "memory/loss_chunk",
    ring: "parallel/ring",
  };
  return (Object.keys(places) as Field[]).filter((field) => trace.exact(`${pointer}/${places[field]}`));
}
