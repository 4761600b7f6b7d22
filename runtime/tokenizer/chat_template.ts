import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Context, createContext, Script } from "node:vm";
import { Template } from "@huggingface/jinja";
import { DataError, reason } from "../data/data_error.ts";

export interface ChatMessage {
  role: string;
  content: string;
  /** For the template; as in the chat formats of Hugging Face. */
  tool_calls?: unknown[];
}

/** A conversation as text, and which parts of it the assistant says. */
export interface RenderedChat {
  text: string;
  /** [start, end) of each assistant turn with its closing token, in UTF-16 units of `text`; the turn's header is outside. */
  assistant: { start: number; end: number }[];
}

/** Milliseconds that a template may take for one conversation: real ones take a few, but a file from elsewhere may hold any loop. */
const LONGEST = 5_000;

const clock = new Script("work()");
const place: Context = createContext({ work: null });

/** The result of `work`. @throws Error when it takes too long; it is ended then, wherever it is */
function withinTime<T>(work: () => T): T {
  place.work = work;
  try {
    return clock.runInContext(place, { timeout: LONGEST }) as T;
  } finally {
    place.work = null;
  }
}

/** Numbers that a template's range() may give: V8 ends the process where a list grows beyond what it can hold. */
const MOST_NUMBERS = 1_000_000;

/** Jinja's range(start, stop, step), within bounds. */
function boundedRange(start: number, stop?: number, step = 1): number[] {
  const [from, to] = stop === undefined ? [0, start] : [start, stop];
  const count = Math.max(0, Math.ceil((to - from) / step));
  if (!(count <= MOST_NUMBERS)) throw new Error(`range() of more than ${MOST_NUMBERS} numbers`);
  return Array.from({ length: count }, (_, k) => from + k * step);
}

/** Name under which templates find `boundedRange`: the library lets nobody take the place of its own. */
const RANGE = "range_within_bounds";

/** Renames `range` wherever it is a name of its own in a parsed template. */
function boundRanges(node: unknown): void {
  if (typeof node !== "object" || node === null) return;
  const { type, value, computed } = node as { type?: unknown; value?: unknown; computed?: unknown };
  if (type === "Identifier" && value === "range") (node as { value: string }).value = RANGE;
  for (const [key, child] of Object.entries(node)) {
    const property = type === "MemberExpression" && key === "property" && computed !== true;
    if (!property) boundRanges(child);
  }
}

/** The library's template, with its loops within bounds. @throws Error where it can't be parsed */
function parsed(source: string): Template {
  const template = new Template(source);
  boundRanges(template.parsed);
  return template;
}

/** A model's Jinja chat template. */
export class ChatTemplate {
  private constructor(
    /** The template's text. */
    readonly source: string,
    /** The file that it stands in, for messages. */
    private readonly where: string,
    private readonly template: Template,
    /** Spellings of special tokens that the template may name. */
    readonly variables: { bos_token?: string; eos_token?: string },
  ) {}

  /** chat_template.jinja of the folder, else `chat_template` of tokenizer_config.json (where a list, the one named `default`). */
  static async load(folder: string, config: { [key: string]: unknown } | null): Promise<ChatTemplate | null> {
    const file = join(folder, "chat_template.jinja");
    let source: unknown = config?.chat_template;
    let where = join(folder, "tokenizer_config.json");
    if (Array.isArray(source)) source = source.find((entry) => entry?.name === "default")?.template;
    if (await stat(file).catch(() => null)) {
      source = await readFile(file, "utf8");
      where = file;
    }
    if (source === undefined || source === null) return null;
    if (typeof source !== "string")
      throw new DataError("chat_template must be text", "take it over from the model's own folder", { file: where });
    const spelled = (key: string) => {
      const token = config?.[key];
      const content = typeof token === "string" ? token : (token as { content?: string } | null | undefined)?.content;
      return content === undefined ? {} : { [key]: content };
    };
    try {
      return new ChatTemplate(source, where, parsed(source), {
        ...spelled("bos_token"),
        ...spelled("eos_token"),
      });
    } catch (error) {
      throw new DataError(`the chat template can't be parsed: ${reason(error)}`, "mend it, or take it over anew", {
        file: where,
      });
    }
  }

  /** Renders messages as transformers' `apply_chat_template(tokenize=False)` does. */
  render(messages: ChatMessage[], addGenerationPrompt: boolean): string {
    try {
      const own = { ...this.variables, [RANGE]: boundedRange };
      const variables = { ...own, messages, add_generation_prompt: addGenerationPrompt };
      return withinTime(() => this.template.render(variables));
    } catch (error) {
      throw new DataError(
        `the chat template of ${this.where} refuses these messages: ${reason(error)}`,
        "mend the conversation, or take it out of the file",
      );
    }
  }

  /**
   * Renders a conversation and finds the assistant's turns in it, with no help from the template: a turn starts where the messages
   * before it, rendered with a generation prompt, end.
   *
   * @param specials spellings of the special tokens; the one that closes a turn belongs to it
   * @throws DataError when the template rewrites earlier turns so that they can't be found
   */
  renderWithTurns(messages: ChatMessage[], specials: ReadonlySet<string>): RenderedChat {
    const text = this.render(messages, false);
    const assistant: RenderedChat["assistant"] = [];
    for (const [i, message] of messages.entries()) {
      if (message.role !== "assistant") continue;
      const before = this.opening(text, messages.slice(0, i));
      const end = before === undefined ? undefined : this.turnEnd(text, before, messages, i, specials);
      if (end === undefined)
        throw new DataError(
          `assistant turn ${i + 1} can't be located in what the chat template renders`,
          "use loss = all for this source",
        );
      assistant.push({ start: before!, end });
    }
    return { text, assistant };
  }

  /** Length of `text` up to where a turn after these messages begins: they, rendered, with a header for the assistant. */
  private opening(text: string, before: ChatMessage[]): number | undefined {
    let rendered: string;
    try {
      rendered = this.render(before, true);
    } catch (error) {
      if (before.length > 0) throw error;
      rendered = "";
    }
    if (text.startsWith(rendered)) return rendered.length;
    // Some templates render nothing sensible without messages; a conversation opened by the assistant then starts at 0.
    return before.length === 0 ? 0 : undefined;
  }

  private turnEnd(text: string, start: number, messages: ChatMessage[], i: number, specials: ReadonlySet<string>) {
    const { content, tool_calls: calls } = messages[i]!;
    // What a call of tools looks like only the template knows; the first special token after its beginning closes the turn.
    if (calls !== undefined) {
      const ends = [...specials].flatMap((token) => {
        const at = text.indexOf(token, start + 1);
        return at < 0 ? [] : [{ at, end: at + token.length }];
      });
      if (ends.length > 0) return ends.reduce((first, other) => (other.at < first.at ? other : first)).end;
    }
    // The message's words, directly followed by a special token or the end of the text …
    const words = content.trim();
    for (let at = text.indexOf(words, start); at >= 0; at = text.indexOf(words, at + 1)) {
      let end = at + words.length;
      while (end < text.length && /\s/.test(text[end]!)) end++;
      for (const token of specials) if (text.startsWith(token, end)) return end + token.length;
      if (end === text.length) return end;
    }
    // … or, in templates that close turns with plain words, all that this message adds.
    const through = this.render(messages.slice(0, i + 1), false);
    return text.startsWith(through) && through.length > start ? through.length : undefined;
  }
}
