/** Doc comments of the language definition: prose, then tags. */

export interface DocComment {
  prose: string;
  /** Tag → its texts, in order. */
  tags: Map<string, string[]>;
}

/** Tags that a language definition may use; any other is a mistake in the definition. */
const known = new Set([
  "above",
  "choice",
  "default",
  "deprecated",
  "example",
  "formula",
  "group",
  "label",
  "max",
  "min",
  "name",
  "overrides",
  "paper",
  "path",
  "scope",
  "since",
  "status",
  "variadic",
]);

/**
 * Reads a comment's inner text (without asterisks). A tag is `@word` at the beginning of a line or after a blank; its text
 * goes up to the next one, line breaks kept.
 *
 * @throws Error on a tag that does not exist, naming it and `where`
 */
export function readDocComment(text: string, where: string): DocComment {
  const tags = new Map<string, string[]>();
  const parts = text.split(/(?<=^|\s)@([a-z]+)\b/m);
  const prose = (parts[0] ?? "").trim().replace(/\s*\n\s*(?!\n)/g, (gap) => (gap.includes("\n\n") ? "\n\n" : " "));
  for (let i = 1; i < parts.length; i += 2) {
    const tag = parts[i]!;
    if (!known.has(tag)) throw new Error(`${where}: @${tag} is not a tag of the language definition`);
    const list = tags.get(tag) ?? [];
    list.push((parts[i + 1] ?? "").replace(/^[ \t]*\n?/, "").trimEnd());
    tags.set(tag, list);
  }
  return { prose, tags };
}

export function first(comment: DocComment, tag: string): string | null {
  return comment.tags.get(tag)?.[0]?.trim() ?? null;
}
