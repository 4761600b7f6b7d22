import type { PlanHardware, PlanLedger, PlanStage } from "../plan.ts";
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
    const length = {
      message: `stage ${stage.name} has length = ${showTokens(stage.length)}`,
      at: trace.nearest(`${pointer}/length`),
    };
    const [term, bytes] = largest(withoutTotal(device));
    if (device.total > hardware.device_bytes) {
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
          cheapest: cheapestChange(stage, term, hardware.kind),
        },
        { related: [length] },
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
          term: hostTerm === "engine" ? "the engine's buffers" : "the rows of a step",
          termBytes: showBytes(hostBytes),
        },
        { related: [length] },
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

/** The change that costs the least time and makes the largest term smaller. */
function cheapestChange(stage: PlanStage, term: string, kind: PlanHardware["kind"]): string {
  const { memory, parallel, train } = stage;
  // On a CPU the ranks of a ring share one memory.
  const finer =
    kind === "cpu"
      ? "shorter rows or more memory remain"
      : `ring = ${2 * parallel.ring} halves the tokens on each device`;
  switch (term) {
    case "activations":
    case "checkpoints":
      if (memory.checkpoint_every === 0)
        return "checkpoint = every(1) recomputes them instead, for a quarter more time";
      return parallel.micro_batch > 1 ? "micro_batch = 1 holds one row at a time" : finer;
    case "logits":
      return memory.loss_chunk > 256 ? "loss_chunk = 256 forms fewer of them at once" : finer;
    case "weights":
    case "gradients":
    case "optimizer":
      return train.method === "full" ? "method = lora(rank: 16) trains far fewer parameters" : "take a smaller model";
    default:
      return finer;
  }
}
