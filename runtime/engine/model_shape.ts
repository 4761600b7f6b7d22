import type { PlanModel } from "../../compiler/plan.ts";
import type { NativeModelShape } from "./addon.ts";

/** A model's sizes as the native engine takes them. */
export function modelShape(model: PlanModel): NativeModelShape {
  return {
    vocabSize: model.vocab_size,
    hiddenSize: model.hidden_size,
    intermediateSize: model.intermediate_size,
    layers: model.layers,
    heads: model.heads,
    kvHeads: model.kv_heads,
    headDim: model.head_dim,
    rmsNormEps: model.rms_norm_eps,
    tieWordEmbeddings: model.tie_word_embeddings,
    qkvBias: model.qkv_bias,
    oBias: model.o_bias,
    mlpBias: model.mlp_bias,
    qkNorm: model.qk_norm,
    ...(model.window && { slidingWindow: model.window }),
  };
}
