import { folderOf } from "../../compiler/path.ts";
import { COMPLETION_KINDS, type CompletionItem } from "./protocol.ts";
import type { Snapshot } from "./snapshot.ts";

/** Names that are shown of one folder: who has more types a letter first. */
const mostShown = 500;

/**
 * Files and folders that a path could go on with.
 *
 * @param typed the path up to the cursor
 * @param wanted `folder`, or a pattern of file names
 * @param span offsets of the whole text between the quotes; the name behind the last slash is replaced
 */
export function pathItems(
  snapshot: Snapshot,
  typed: string,
  wanted: string,
  span: { readonly start: number; readonly end: number },
): CompletionItem[] {
  const slash = typed.lastIndexOf("/");
  const folder = typed.slice(0, slash + 1);
  const name = typed.slice(slash + 1);
  // Within a pattern, and from the root of the disk, nobody can say what is meant.
  if (/[*?[\]{}]/.test(folder) || folder === "/") return [];
  const { host } = snapshot.workspace;
  const home = folderOf(snapshot.file);
  const list = (pattern: string) => host.list(folder + pattern, home) ?? [];
  const lead = name === "" ? "" : `${name.replace(/[*?[\]{}]/g, "?")}`;
  const inside = (path: string, depth: number) =>
    path
      .replaceAll("\\", "/")
      .split("/")
      .at(-1 - depth) ?? "";
  const folders = new Set([
    ...list(`${lead}*/*`).map((path) => inside(path, 1)),
    ...(wanted === "folder" ? list(`${lead}*/*/config.json`).map((path) => inside(path, 2)) : []),
  ]);
  const files = wanted === "folder" ? [] : list(`${lead}*`).filter((path) => fits(inside(path, 0), wanted));
  const range = snapshot.range({ start: span.start + slash + 1, end: span.end });
  return [
    ...[...folders].map(
      (name): CompletionItem => ({
        label: `${name}/`,
        kind: COMPLETION_KINDS.folder,
        textEdit: { range, newText: wanted === "folder" && holdsModel(snapshot, folder + name) ? name : `${name}/` },
        sortText: `1${name}`,
        command: { title: "", command: "editor.action.triggerSuggest" },
      }),
    ),
    ...files.map((path): CompletionItem => {
      const name = inside(path, 0);
      return { label: name, kind: COMPLETION_KINDS.file, textEdit: { range, newText: name }, sortText: `0${name}` };
    }),
  ].slice(0, mostShown);
}

/** Whether a file's name is of the kind that is wanted: `*`, `*.json`. */
function fits(name: string, wanted: string): boolean {
  return wanted === "*" || name.endsWith(wanted.slice(1));
}

function holdsModel({ workspace: { host }, file }: Snapshot, folder: string): boolean {
  return host.readText(`${folderOf(file)}/${folder}/config.json`) !== undefined;
}
