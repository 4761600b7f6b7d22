import type { ModelShape } from "../../compiler/model/index.ts";
import type { NativeModelShape } from "./addon.ts";

/** A model's sizes as the native engine takes them. */
export function modelShape(model: ModelShape & { rms_norm_eps: number }): NativeModelShape {
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
    qkvBias: model.qkv_bias ?? false,
    oBias: model.o_bias ?? false,
    mlpBias: model.mlp_bias ?? false,
    qkNorm: model.qk_norm ?? false,
    ...(model.window && { slidingWindow: model.window }),
  };
}
