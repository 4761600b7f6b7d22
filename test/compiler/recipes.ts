import type { Host } from "../../compiler/host.ts";
import { type AnalyzeOptions, analyze, type Plan } from "../../compiler/index.ts";

/** A folder in memory: path → text. */
export function memoryHost(files: Record<string, string> = {}): Host {
  return {
    readText: (path) => files[path],
    list: (pattern) => {
      const source = pattern.replaceAll(".", "\\.").replaceAll("*", "[^/]*");
      return Object.keys(files).filter((path) => new RegExp(`^${source}$`).test(path));
    },
    size: (path) => files[path]?.length,
    hubFolder: () => undefined,
    machine: () => ({ cores: 2, isa: "avx2", memoryBytes: 2 ** 42 }),
  };
}

/** A small base model with its tokenizer and some text. */
export const tinyFiles = {
  "models/tiny/config.json": JSON.stringify({
    ...{ model_type: "llama", vocab_size: 1024, hidden_size: 256, intermediate_size: 688, num_hidden_layers: 4 },
    ...{ num_attention_heads: 4, num_key_value_heads: 2, max_position_embeddings: 256, rope_theta: 10_000 },
  }),
  "models/tiny/tokenizer.json": "{}",
  // Text enough to train on, and files enough that one in twenty can be held out and is long enough to evaluate on.
  "text/a.txt": "x".repeat(1_000_000),
  ...Object.fromEntries(Array.from({ length: 19 }, (_, k) => [`text/b${k}.txt`, "x".repeat(40_000)])),
};

export const tiny = 'model { from = "models/tiny" }\ndata { source speeches { files = "text/*.txt" } }\n';

/** The plan of a recipe that must be fine but for notes. */
export function planOf(text: string, options: AnalyzeOptions = {}, files: Record<string, string> = tinyFiles): Plan {
  const { plan, diagnostics } = analyze(text, memoryHost(files), options);
  const wrong = diagnostics.filter(({ severity }) => severity === "error");
  if (!plan) throw new Error(wrong.map(({ code, message, label }) => `${code} ${message}: ${label}`).join("\n"));
  return plan;
}

export function codesOf(
  text: string,
  options: AnalyzeOptions = {},
  files: Record<string, string> = tinyFiles,
): string[] {
  return analyze(text, memoryHost(files), options).diagnostics.map(({ code }) => code);
}
