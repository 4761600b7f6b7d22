import type { Fix } from "../diagnostics/diagnostic.ts";
import type { Trace } from "../lower/trace.ts";
import { type Change, cheapestChange, deviceNeed, type Field } from "../memory/index.ts";
import type { PlanLedger } from "../plan.ts";
import { showBytes, showTokens } from "../values/show.ts";
import { aboveStages, behind, type Check, type CheckContext, replacing, steps } from "./context.ts";

/**
 * What each stage takes of the device and of the host, before the first byte is loaded. Only hardware that the recipe
 * describes is held to it: without, the plan may be for another machine than the one that compiles (see `memoryHere`).
 */
export const memoryFits: Check = (context) => {
  const { plan, trace, report } = context;
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
    const need = deviceNeed(plan, stage);
    if (need > hardware.device_bytes) {
      const [term, bytes] = largest({ ...withoutTotal(device), cuda: need - device.total });
      const change = cheapestChange({ ...stage, model: plan.model, hardware, shard }, stage, written(trace, pointer));
      report.add(
        "CTX7006",
        trace.nearest(`${pointer}/memory`),
        {
          stage: stage.name,
          need: showBytes(need),
          name: hardware.name,
          have: showBytes(hardware.device_bytes),
          term: spoken[term] ?? term,
          termBytes: showBytes(bytes),
          cheapest: change.words,
        },
        { related: related(), fixes: changing(change, pointer, context) },
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

/** The change as an edit: other values in the place of those that stand, or one more property of `parallel`. */
function changing({ values, add }: Change, pointer: string, context: CheckContext): Fix[] {
  const { trace } = context;
  if (values) {
    const entries = Object.entries(values) as [Field, string][];
    const edits = entries.flatMap(([field, text]) => {
      const at = trace.exact(`${pointer}/${places[field]}`);
      return at ? [{ ...at, text }] : [];
    });
    return [{ title: entries.map(([field, text]) => `${field} = ${text}`).join(" with "), safety: "review", edits }];
  }
  if (!add) return [];
  const title = `parallel { ${add} }`;
  const written = trace.exact(`${pointer}/parallel/shard`);
  if (written) return replacing(written, title, "all");
  const [beside] = ["devices", "ring", "layout", "micro_batch"].flatMap(
    (name) => trace.exact(`${pointer}/parallel/${name}`) ?? [],
  );
  if (beside) return behind(beside, title, `  ${add}`);
  return trace.exact(`${pointer}/parallel`) ? [] : aboveStages(context, title);
}

/** Terms of the ledger in a sentence with "take". */
const spoken: { readonly [term: string]: string } = {
  weights: "the weights",
  gradients: "the gradients",
  optimizer: "the optimizer's states",
  activations: "saved activations",
  checkpoints: "saved layer inputs",
  logits: "logits",
  workspace: "one layer's working buffers",
  kv_cache: "cached keys and values",
  cuda: "CUDA and its kernels",
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
  optimizer: "the optimizer's states",
};

/** Where in a stage each property of its layout stands. */
const places: { readonly [field in Field]: string } = {
  checkpoint: "memory/checkpoint_every",
  offload: "memory/offload",
  moments: "memory/moments",
  weights: "memory/weights",
  gradients: "memory/gradients",
  micro_batch: "parallel/micro_batch",
  head_groups: "memory/head_groups",
  mlp_tile: "memory/mlp_tile",
  loss_chunk: "memory/loss_chunk",
  ring: "parallel/ring",
};

/** Which properties of a stage's layout the recipe sets. */
function written(trace: Trace, pointer: string): Field[] {
  return (Object.keys(places) as Field[]).filter((field) => trace.exact(`${pointer}/${places[field]}`));
}
