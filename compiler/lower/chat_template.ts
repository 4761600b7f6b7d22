import { parseJson } from "../json.ts";
import { folderOf, joinPath } from "../path.ts";
import type { PlanTokenizer } from "../plan.ts";
import type { Lowering } from "./lowering.ts";
import type { Reader } from "./reader.ts";

/** Refuses a source of chats where the tokenizer is known to have no template that lays them out as text. */
export function needChatTemplate(reader: Reader, source: string, tokenizer: PlanTokenizer): void {
  const { lowering } = reader;
  if (!reader.has("chat") || tokenizer.kind === "none" || hasChatTemplate(tokenizer, lowering)) return;
  const named = tokenizer.kind === "bpe" ? "a tokenizer that the run trains" : `the tokenizer ${tokenizer.path}`;
  lowering.report.add("CTX5018", reader.at("chat"), { name: source, tokenizer: named });
}

/** Whether a template lies beside the tokenizer's file. True as well where that file can't be seen from here. */
function hasChatTemplate(tokenizer: PlanTokenizer, { host, folder }: Lowering): boolean {
  if (tokenizer.path === null) return false;
  const path = joinPath(folder, tokenizer.path);
  if (host.size(path) === undefined) return true;
  const beside = folderOf(path);
  if (host.size(joinPath(beside, "chat_template.jinja")) !== undefined) return true;
  try {
    const config = parseJson(host.readText(joinPath(beside, "tokenizer_config.json")) ?? "null") as unknown;
    const template = (config as { chat_template?: unknown } | null)?.chat_template;
    return template !== undefined && template !== null;
  } catch {
    // Whoever reads the file says what is wrong with it.
    return true;
  }
}
