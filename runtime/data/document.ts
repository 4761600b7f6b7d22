import type { ChatMessage } from "../tokenizer/chat_template.ts";

/** Where a document came from, for messages. */
export interface DocumentPlace {
  file: string;
  /** Line (jsonl) or row (parquet), from 1; absent for whole files. */
  line?: number;
}

/** A document as a reader hands it over. */
export type SourceDocument =
  | { kind: "text"; text: string; place: DocumentPlace }
  /** Too long for one string. */
  | { kind: "parts"; parts: AsyncIterable<string>; place: DocumentPlace }
  | { kind: "chat"; messages: ChatMessage[]; place: DocumentPlace };

/** Which column to read. One of the two is set. */
export interface DocumentColumns {
  text: string | null;
  chat: string | null;
}
