/**
 * What other tools call the properties of a recipe: transformers, PEFT, TRL, axolotl, LLaMA-Factory, torchtune, Megatron,
 * DeepSpeed. None of these names is accepted; who writes one is told the name it has here, and `ctx fix` rewrites it. Only
 * names whose values mean the same are listed.
 *
 * Block's kind or function → property → names elsewhere.
 */
export const elsewhere: { readonly [owner: string]: { readonly [property: string]: readonly string[] } } = {
  model: { from: ["base_model", "model_name_or_path", "pretrained_model_name_or_path", "model_path"] },
  rope: {
    theta: ["rope_theta", "rope_base", "rotary_base", "base", "freq_base"],
    method: ["rope_type", "rope_scaling_type", "type"],
    frequency: ["inv_freq", "frequencies"],
    original: ["original_max_position_embeddings", "original_context", "original_length"],
  },
  source: {
    files: ["data_files", "paths", "path"],
    text: ["text_column", "text_field", "dataset_text_field", "text_key"],
    chat: ["messages_column", "field_messages", "messages_field", "conversation_column"],
    synthesize: ["synthetic"],
  },
  data: {
    seed: ["data_seed", "random_seed"],
    mix: ["weights", "mixture", "interleave_prob", "interleave_probs", "probabilities", "sample_ratio", "data_mix"],
  },
  train: {
    optimizer: ["optim"],
    schedule: ["lr_scheduler", "lr_scheduler_type", "scheduler"],
    clip: ["max_grad_norm", "grad_clip", "gradient_clipping", "clip_grad", "clip_grad_norm"],
    dtype: ["precision", "compute_dtype"],
    deterministic: [
      ...["deterministic_algorithms", "use_deterministic_algorithms", "full_determinism"],
      ...["deterministic_mode", "cudnn_deterministic_mode"],
    ],
  },
  adamw: {
    lr: ["learning_rate"],
    betas: ["adam_betas"],
    eps: ["epsilon", "adam_epsilon", "adam_eps"],
    weight_decay: ["wd", "decay"],
  },
  constant: { warmup: ["warmup_steps", "num_warmup_steps", "warmup_ratio"] },
  linear: { warmup: ["warmup_steps", "num_warmup_steps", "warmup_ratio"], final: ["min_lr_ratio", "min_lr_rate"] },
  cosine: { warmup: ["warmup_steps", "num_warmup_steps", "warmup_ratio"], final: ["min_lr_ratio", "min_lr_rate"] },
  lora: {
    rank: ["r", "lora_r", "lora_rank"],
    alpha: ["lora_alpha"],
    targets: ["target_modules", "lora_target", "lora_target_modules"],
    also: ["modules_to_save", "lora_modules_to_save", "additional_target"],
    plus_ratio: ["loraplus_lr_ratio", "lora_plus_ratio"],
  },
  stage: {
    length: [
      "sequence_length",
      "sequence_len",
      "seq_length",
      "seq_len",
      "max_seq_length",
      "max_seq_len",
      "max_length",
      "cutoff_len",
      "block_size",
      "model_max_length",
    ],
    steps: ["max_steps", "num_steps", "train_steps", "train_iters", "iterations"],
    tokens: ["num_tokens", "token_budget", "train_tokens"],
    batch: ["batch_size", "global_batch_size", "train_batch_size"],
  },
  curriculum: {
    lengths: ["sequence_lengths", "seq_lens", "seq_lengths"],
    steps: ["max_steps", "num_steps"],
    batch: ["batch_size", "global_batch_size", "train_batch_size"],
  },
  parallel: {
    devices: ["gpus", "num_gpus", "world_size", "n_gpus"],
    ring: [
      "ring_size",
      "context_parallel",
      "context_parallel_size",
      "context_parallel_degree",
      "cp_size",
      "sequence_parallel_size",
      "sequence_parallel_degree",
      "sp_size",
    ],
    micro_batch: ["micro_batch_size", "per_device_train_batch_size", "train_micro_batch_size_per_gpu"],
  },
  hardware: { devices: ["gpus", "num_gpus", "world_size", "n_gpus"], memory: ["gpu_memory", "device_memory"] },
  needle: { lengths: ["context_lengths"], depths: ["document_depth_percents"] },
  llama: architecture(),
  mistral: architecture(),
  qwen2: architecture(),
  qwen3: architecture(),
  bpe: { vocab: ["vocab_size"] },
  yarn: { factor: ["rope_factor"] },
};

/** Names of transformers' configurations. */
function architecture() {
  return {
    layers: ["num_hidden_layers", "n_layers", "num_layers", "n_layer"],
    hidden: ["hidden_size", "d_model", "n_embd", "dim"],
    heads: ["num_attention_heads", "n_heads", "n_head", "num_heads"],
    kv_heads: ["num_key_value_heads", "n_kv_heads", "num_kv_heads"],
    intermediate: ["intermediate_size", "ffn_dim", "mlp_dim"],
    context: ["max_position_embeddings", "max_seq_len", "n_positions", "context_length"],
    theta: ["rope_theta", "rope_base"],
    tie: ["tie_word_embeddings", "tie_embeddings"],
    vocab: ["vocab_size"],
    std: ["initializer_range"],
  };
}

/** How to say here what other tools say with a block of this name at the top of a file. */
export const blocksElsewhere: { readonly [block: string]: string } = {
  ...named(["lora", "peft", "adapter", "lora_config"], "write train { method = lora(rank: 16) }"),
  ...named(["rope_scaling", "rope_parameters"], "write rope { method = yarn(factor: 8) }, or rope { theta = … }"),
  ...named(["dataset", "datasets", "train_data"], 'write data { source NAME { files = "…" } }'),
  ...named(["optimizer", "optim"], "write train { optimizer = adamw(lr: 2e-5) }"),
  ...named(["scheduler", "lr_scheduler"], "write train { schedule = cosine(warmup: 10%) }"),
  ...named(["deepspeed", "fsdp", "accelerate"], "write parallel { devices = 8  shard = all }"),
};

/** How to say here what other tools say with a property that has no single one here. */
const propertiesElsewhere: { readonly [property: string]: string } = {
  ...named(
    ["epochs", "num_epochs", "num_train_epochs", "n_epochs"],
    "a stage lasts as long as its steps or tokens say; the plan tells how often that reads the text",
  ),
  ...named(
    ["gradient_accumulation_steps", "grad_accum_steps", "gradient_accumulation", "accumulation_steps"],
    "batch of a stage counts the rows of a step, and micro_batch of parallel those at a time",
  ),
  ...named(["bf16", "fp16", "mixed_precision"], "write dtype = bf16 in train"),
  ...named(
    [
      ...["fused", "torch_compile", "use_flash_attention", "use_flash_attn", "flash_attention", "flash_attn"],
      ...[
        "attn_implementation",
        "sdp_attention",
        "xformers_attention",
        "use_liger_kernel",
        "liger_kernel",
        "tiled_mlp",
      ],
    ],
    "remove it: kernels are fused always",
  ),
  ...named(
    [
      ...["gradient_checkpointing", "activation_checkpointing", "recompute_activations"],
      ...["recompute_granularity", "recompute_method", "recompute_num_layers"],
    ],
    "write memory { checkpoint = every(1) }",
  ),
  ...named(
    ["activation_offloading", "activations_offload", "layer_offloading", "offload_activations", "cpu_offloading"],
    "write memory { checkpoint = every(1)  offload = host }: layer inputs wait in the host's memory",
  ),
  ...named(
    [
      ...["cpu_offload", "offload_optimizer", "offload_param", "offload_params", "fsdp_offload_params"],
      ...["optimizer_cpu_offload"],
    ],
    "weights and moments stay on the devices; memory { offload = host } moves layer inputs to the host",
  ),
  ...named(
    [
      ...["fsdp", "fsdp_config", "full_shard", "fully_shard", "sharding_strategy", "deepspeed", "deepspeed_config"],
      ...["zero", "zero3", "zero_3", "zero_stage", "zero_optimization", "fsdp_version", "fsdp_sharding_strategy"],
      ...["data_parallel_shard_degree", "dp_shard", "reshard_after_forward"],
    ],
    "write parallel { shard = all }: devices divide weights, gradients and moments",
  ),
  ...named(
    ["zero2", "zero_2", "zero_stage_2", "shard_grad_op"],
    "devices divide moments alone, or with shard = all weights and gradients too (ZeRO-3); nothing between",
  ),
  ...named(
    ["ulysses_size", "ulysses_parallel_size", "ulysses_sequence_parallel_size", "ulysses_degree"],
    "ctx divides a row over a ring, not over heads: write parallel { ring = 8 }",
  ),
  ...named(
    ["rope_scaling", "rope_parameters", "use_rope_scaling", "rope_scaling_factor"],
    "write rope { method = yarn(factor: 8) }, or rope { theta = … }",
  ),
  ...named(
    [
      "tensor_parallel",
      "tensor_parallel_size",
      "tensor_model_parallel_size",
      "tensor_parallel_degree",
      "tp_size",
      "tp",
    ],
    "ctx has no tensor parallelism: write parallel { ring = 8 }, which divides the sequence, and shard = all for the weights",
  ),
  ...named(
    [
      ...["pipeline_parallel", "pipeline_parallel_size", "pipeline_model_parallel_size", "pipeline_parallel_degree"],
      ...["pp_size", "pp"],
    ],
    "ctx has no pipeline parallelism: write parallel { ring = 8 }, which divides the sequence, and shard = all for the weights",
  ),
  ...named(
    ["packing", "sample_packing", "neat_packing", "padding_free", "pad_to_sequence_len", "group_by_length"],
    "remove it: documents are packed into rows always",
  ),
  ...named(["save_steps", "save_interval", "save_strategy"], "ctx run --checkpoint-every 50 says how often to save"),
  ...named(
    ["eval_steps", "eval_interval", "eval_strategy", "evaluation_strategy"],
    "each stage is measured at its end",
  ),
  ...named(["logging_steps", "log_interval", "logging_strategy"], "remove it: every step is in metrics.jsonl"),
  ...named(["output_dir", "save_folder"], "ctx run --out DIR says where"),
  ...named(["resume_from_checkpoint", "load_checkpoint"], "ctx run --resume DIR goes on with a run"),
};

function named(names: readonly string[], hint: string): { [name: string]: string } {
  return Object.fromEntries(names.map((name) => [name, hint]));
}

/** What other tools call the choices of a property: property → choice → names elsewhere. */
/** Formats of numbers by PyTorch's names and others. f16 is a choice of exports alone, and no slip for another anywhere else. */
const formats = {
  f32: ["float32", "fp32", "float", "single"],
  bf16: ["bfloat16", "bfloat"],
  f16: ["f16", "float16", "fp16", "half"],
};

const choicesElsewhere: { readonly [property: string]: { readonly [choice: string]: readonly string[] } } = {
  shard: {
    all: ["fsdp", "full_shard", "fully_shard", "full", "zero3", "zero_3", "zero_stage_3", "deepspeed"],
    moments: ["zero1", "zero_1", "zero_stage_1", "distributed_optimizer"],
  },
  dtype: formats,
  weights: formats,
};

/** The choice of `property` that other tools call `value`; not every block has it. */
export function choiceHere(property: string, value: string): string | undefined {
  const choices = Object.hasOwn(choicesElsewhere, property) ? choicesElsewhere[property]! : {};
  return Object.keys(choices).find((choice) => choices[choice]!.includes(value.toLowerCase()));
}

/** Advice on a property of other tools that has no single one here. */
export function adviceOn(name: string): string | undefined {
  return Object.hasOwn(propertiesElsewhere, name) ? propertiesElsewhere[name] : undefined;
}

/** The property of `owner` that other tools call `name`. */
export function calledHere(owner: string, name: string): string | undefined {
  const properties = Object.hasOwn(elsewhere, owner) ? elsewhere[owner]! : {};
  return Object.keys(properties).find((property) => properties[property]!.includes(name));
}

/** Every owner that has a property which other tools call `name`. */
export function ownersOf(name: string): { owner: string; property: string }[] {
  return Object.keys(elsewhere).flatMap((owner) => {
    const property = calledHere(owner, name);
    return property === undefined ? [] : [{ owner, property }];
  });
}
