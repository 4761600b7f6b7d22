/** Recipes that several tests take apart. */

/** The long example of the language's design: Gradient's schedule for Llama-3. */
export const gradient = `# Llama-3-8B-Instruct, 8K → 1M tokens, after Gradient's published schedule.
recipe llama3_8b_1m

model { from = "meta-llama/Meta-Llama-3-8B-Instruct" }

rope {
  # dynamic NTK with factor 4, from the stage before: gives 15,296,098 · 207,112,184 · 1,062,356,830 · 2,804,339,835
  theta = floor(previous.theta * (4 * length / previous.length - 3) ^ (d / (d - 2)))
}

data {
  source pajama { files = "slimpajama/*.jsonl.zst"  text = "text"      filter = tokens >= 4Ki }
  source chat   { files = "ultrachat/*.parquet"     chat = "messages" }
  mix = { pajama: 90%, chat: 10% }
  documents = mask                       # no attention across document boundaries
}

train {
  method    = full
  optimizer = adamw(lr: 2e-5, betas: [0.9, 0.95])
}

stage s64k  { length = 64Ki   steps = 30  batch = 32 }
stage s256k { length = 256Ki  steps = 24  batch = 16 }
stage s512k { length = 512Ki  steps = 50  batch = 16 }
stage s1m   { length = 1Mi    steps = 50  batch = 16   rope { previous = s256k } }

parallel { devices = 512  ring = 64  layout = zigzag }

evaluate {
  perplexity { files = "pg19/*.txt"   lengths = 8Ki..1Mi x2 }
  needle     { lengths = 64Ki..1Mi x2   depths = 11 }
  gate       { needle >= 95%   otherwise = stop }
}
`;

/** The small example. */
export const quickstart = `recipe quickstart
model { from = "models/tiny" }
data  { source speeches { files = "sotu/*.txt" } }
rope  { theta = critical_base(length) }
curriculum { lengths = [1Ki, 2Ki, 4Ki]  tokens = 400K  }      # short for stages named by their length
evaluate { needle { lengths = 256..4Ki x2 } }
`;

/** Every construct once. */
export const everything = `ctx 1
recipe everything
import "base.ctx"

# How many devices.
param gpus = 8
let window = if gpus > 4 then 64Ki else 8Ki
require gpus >= 1 and not (gpus == 7) "seven do not divide"

model {
  new = llama(layers: 6, hidden: 256, heads: 8, kv_heads: 4, context: 512)
  tokenizer = bpe(vocab: 4_096)
}

rope {
  frequency = model.theta ^ -(2 * i / d) / (if i >= 20 or i < 3 then scale else 1)
  attention = 1 + 0.1 * ln(scale)
  previous = s1
}

data {
  source books { files = ["a/*.txt", "b \\"quoted\\"\\t\\u00e9.txt"]  filter = tokens >= 4Ki and tokens < 1Mi }
  source recall { synthesize = needle(haystack: books, answer_weight: 5) }
  mix = {
    books: 90%, # most of it
    recall: 10%,
  }
}

hardware { memory = 80GiB  host_memory = 1TB  }
stage s1 {
  length = window
  steps = 100
  train { method = lora(rank: 8, also: [embed_tokens, norm])  schedule = cosine(warmup: 10%) }
}
evaluate {
  before = true
  needle { lengths = 1Ki..64Ki x2  depths = 0%..100% +10% }
  perplexity { source = books  lengths = [1Ki, 2Ki] }
  gate { needle >= 95%  perplexity <= 12.5  otherwise = warn }
}
limits { wall = 90s  longest = 2h  budget = 1.5B  small = 1e-08 }
`;
