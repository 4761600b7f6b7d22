import { ln } from "../arithmetic/elementary.ts";
import type { Plan } from "../plan.ts";

/**
 * Bytes of UTF-8 text for each token, by the size of the vocabulary; between the entries it goes with the logarithm.
 *
 * Up to 16Ki: byte-level BPE trained by ctx on Moby Dick and the State of the Union addresses, on parts held out (1,024: 2.5 and 3.0;
 * 4,096: 3.4 and 4.5; 16,384: 4.3 and 5.3). 32,000: Llama 2, 3.7 over a web mix (Fu et al. 2402.10171). From 128Ki: Llama 3 and Qwen3, 4.2 and 5.3
 * on the same texts, 3.7 on TypeScript. English prose lies within a third of an entry; code and other scripts have down to half as many bytes a token.
 */
const MEASURED: readonly (readonly [vocabulary: number, bytes: number])[] = [
  [256, 1],
  [512, 2],
  [1024, 2.7],
  [2048, 3.2],
  [4096, 3.7],
  [8192, 3.9],
  [32_000, 4],
  [128_000, 4.4],
];

/** Bytes of text for each token of a plan, about, where no tokenizer has been run. */
export function bytesPerToken({ tokenizer, model }: Pick<Plan, "tokenizer" | "model">): number {
  const vocabulary = tokenizer.vocab ?? model.vocab_size;
  const k = MEASURED.findIndex(([size]) => size >= vocabulary);
  if (k < 0) return MEASURED.at(-1)![1];
  const [above, most] = MEASURED[k]!;
  const [below, least] = MEASURED[Math.max(0, k - 1)]!;
  if (above === below) return least;
  return least + ((most - least) * ln(vocabulary / below)) / ln(above / below);
}
