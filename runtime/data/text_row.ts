import type { Documents } from "./documents.ts";
import type { EpochStream } from "./epochs.ts";
import { emptyRow, KIND, type Row } from "./row.ts";
import { NO_LOSS } from "./token_file.ts";

/**
 * A row of packed documents: tokens [start, start + length) of the stream.
 *
 * The last token's target is the token after the row where the document goes on, so that each token but a document's first
 * is a target exactly once an epoch. A document's last token has no target: what follows it is another document.
 *
 * @param mask true: a token sees only its own document, and positions begin at 0 in each, as in transformers' packed batches. With
 * attention confined to the document RoPE gives the same scores either way; small positions keep float32 angles more exact and
 * make the row readable by anything that finds documents by their position 0. false: the row is one sequence.
 */
export function textRow(documents: Documents, stream: EpochStream, start: number, length: number, mask: boolean): Row {
  const row = emptyRow(length);
  let t = 0;
  for (const { document, from, to } of stream.pieces(start, length)) {
    const more = to < documents.length(document);
    const tokens = documents.readRaw(document, from, more ? to + 1 : to);
    const first = t;
    for (let i = 0; i < to - from; i++, t++) {
      row.ids[t] = tokens[i]! & ~NO_LOSS;
      if (mask) {
        row.starts[t] = first;
        row.positions[t] = i;
      }
      if (i + 1 === tokens.length) continue;
      if (tokens[i + 1]! >= NO_LOSS) {
        row.kinds[t] = KIND.prompt;
        continue;
      }
      row.targets[t] = tokens[i + 1]!;
      row.weights[t] = 1;
    }
  }
  return row;
}
