import { isAbsolute, join } from "node:path";
import { isHeldOut } from "../../compiler/held_out.ts";
import type { Plan } from "../../compiler/plan.ts";
import { DataError } from "../data/data_error.ts";
import { expandFiles } from "../data/files.ts";
import { readDocuments } from "../data/read.ts";
import { cached, cacheKey, fingerprint } from "../data/token_cache.ts";
import { StopSignal } from "../run/events.ts";
import { Tokenizer } from "./tokenizer.ts";
import { saveTokenizer, trainTokenizer } from "./tokenizer_json.ts";

/**
 * The tokenizer that a plan names: read from the model's folder, or trained on the text of the plan's sources (once; it
 * is kept in the cache).
 *
 * @param folder the recipe's folder
 * @param stop ends the training when asked to
 */
export async function planTokenizer(
  plan: Plan,
  folder: string,
  cache: string,
  stop: StopSignal = new StopSignal(),
): Promise<Tokenizer> {
  const { kind, path } = plan.tokenizer;
  if (kind === "bpe") return trained(plan, folder, cache, stop);
  if (kind === "none" || path === null)
    throw new DataError(
      `no tokenizer was found for ${plan.model.from ?? "the model"}`,
      "put tokenizer.json into the model's folder",
    );
  const { bos_token_id: bos, eos_token_id: eos } = plan.model;
  return Tokenizer.load(isAbsolute(path) ? path : join(folder, path), { bos, eos });
}

async function trained(plan: Plan, folder: string, cache: string, stop: StopSignal): Promise<Tokenizer> {
  const { vocab } = plan.tokenizer;
  if (vocab === null)
    throw new DataError(
      "a tokenizer that is to be trained needs the size of its vocabulary",
      "make the plan anew from its recipe",
    );
  const special = { bos: plan.model.bos_token_id !== null, eos: plan.model.eos_token_id !== null };
  const sources = await Promise.all(
    plan.data.sources
      .filter((source) => source.kind === "files")
      .map(async ({ name, text, chat, format, holdout_every, files }) => {
        return { name, text, chat, holdout_every, files: expandFiles(files, folder, format) };
      }),
  );
  const inputs = await Promise.all(
    sources.map(async (source) => ({ ...source, files: await fingerprint(source.files, stop) })),
  );

  async function* texts(): AsyncGenerator<string> {
    for (const { text, chat, holdout_every: every, files } of sources) {
      let number = 0;
      for (const file of files)
        for await (const document of readDocuments(file, { text, chat })) {
          if (document.kind === "text" && document.text === "") continue;
          // Held-out documents shape nothing, not even the tokenizer.
          if (isHeldOut(number++, every)) continue;
          if (document.kind === "parts") yield* document.parts;
          else if (document.kind === "text") yield document.text;
          else for (const message of document.messages) yield message.content;
        }
    }
  }
  const build = async (aside: string) => saveTokenizer(aside, await trainTokenizer(texts(), vocab, special, stop));
  const key = cacheKey({ trainer: 1, inputs, vocab, special });
  const tokenizer = await cached(
    cache,
    `tokenizer-${key}`,
    (done) => Tokenizer.load(join(done, "tokenizer.json")),
    build,
  );
  const { bos_token_id: bos, eos_token_id: eos } = plan.model;
  if (tokenizer.bos !== bos || tokenizer.eos !== eos)
    throw new DataError(
      `the model's bos_token_id ${bos} and eos_token_id ${eos} don't fit a trained tokenizer, which has ${tokenizer.bos} and ${tokenizer.eos}`,
      "make the plan anew from its recipe",
    );
  return tokenizer;
}
