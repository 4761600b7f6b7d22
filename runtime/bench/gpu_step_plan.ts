import { compile } from "../../compiler/index.ts";
import type { ModelShape } from "../../compiler/model/index.ts";
import type { Plan } from "../../compiler/plan.ts";
import { TINY } from "./workload.ts";

/** Meta-Llama-3-8B, as its config.json has it. */
const LLAMA_3_8B: ModelShape = {
  vocab_size: 128256,
  hidden_size: 4096,
  intermediate_size: 14336,
  layers: 32,
  heads: 32,
  kv_heads: 8,
  head_dim: 128,
  tie_word_embeddings: false,
};

/** Shapes by name; `tiny` is to test with. */
export const SHAPES: { readonly [name: string]: ModelShape } = { "llama-3-8b": LLAMA_3_8B, tiny: TINY };

/** What a bench recipe is made of. */
export interface StepRecipe {
  shape: ModelShape;
  /** Tokens of a row, of which a step has one. */
  length: number;
  /** All weights, or adapters of rank 16 on the four maps of attention. */
  method: "full" | "lora";
  dtype: "f32" | "bf16";
  steps: number;
  /** Properties of the memory block, as a recipe has them; empty: the compiler chooses. */
  memory: string;
}

/** The machine that the plan is for, as `compile` takes it from its host. */
export interface StepMachine {
  device: "cpu" | "cuda";
  cores: number;
  /** Bytes that the run may take of the host's memory. */
  hostBytes: number;
  gpu?: { name: string; memoryBytes: number } | undefined;
}

/** The recipe's text: the model in the folder `model`, trained at its own context on texts that nobody reads. */
function recipeText({ length, method, dtype, steps, memory }: StepRecipe): string {
  return `recipe gpu_step
model { from = "model" }
data { source text { files = "text/*.txt" } }
train { method = ${method === "lora" ? "lora(rank: 16)" : "full"}  optimizer = adamw(lr: 1e-5)  dtype = ${dtype} }
${memory === "" ? "" : `memory { ${memory} }\n`}stage step { length = ${length}  steps = ${steps}  batch = 1 }
`;
}

function configText({ shape, length }: StepRecipe): string {
  return JSON.stringify({
    model_type: "llama",
    vocab_size: shape.vocab_size,
    hidden_size: shape.hidden_size,
    intermediate_size: shape.intermediate_size,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.kv_heads,
    head_dim: shape.head_dim,
    tie_word_embeddings: shape.tie_word_embeddings,
    max_position_embeddings: length,
    rope_theta: 500000,
    rms_norm_eps: 1e-5,
  });
}

/**
 * The plan of a few steps of one row each, laid out by the compiler for the machine at hand as it lays out any recipe for it.
 *
 * @throws Error with the compiler's words where there is none
 */
export function planStep(recipe: StepRecipe, { device, cores, hostBytes, gpu }: StepMachine): Plan {
  const { plan, diagnostics } = compile(
    recipeText(recipe),
    {
      readText: (path) => (path === "model/config.json" ? configText(recipe) : undefined),
      list: () => undefined,
      // That of a tokenizer, which nothing reads: the rows are random tokens.
      size: (path) => (path === "model/tokenizer.json" ? 0 : undefined),
      hubFolder: () => undefined,
      machine: () => ({ cores, isa: "portable", memoryBytes: hostBytes }),
      gpu: () => gpu && { ...gpu, count: 1, hostBytes },
      device,
    },
    { file: "gpu_step.ctx" },
  );
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  if (!plan) throw new Error(errors.map(({ code, message }) => `${code}: ${message}`).join("; "));
  return plan;
}
