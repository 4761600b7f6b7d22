import type { FileNode, Statement } from "../../grammar/ast.ts";
import { languageVersion } from "../../grammar/definition.ts";
import type { Place } from "../diagnostics/diagnostic.ts";
import type { Report } from "../diagnostics/report.ts";

/** Checks what heads a file: `ctx 1` comes first and once, and names a known version; `recipe NAME` comes once. */
export function checkHeader(tree: FileNode, file: string, report: Report): void {
  const place = ({ start, end }: Statement): Place => ({ file, start, end });
  const once = (kind: "version" | "recipe", name: string) => {
    const [first, ...others] = tree.body.filter((node) => node.kind === kind);
    for (const node of first ? others : []) {
      const related = [{ message: `${name} first stands`, at: place(first!) }];
      report.add("CTX2004", place(node), { name, block: "the recipe" }, { related });
    }
    return first;
  };
  const version = once("version", "ctx");
  if (version && version !== tree.body[0]) report.add("CTX2502", place(version), {});
  if (version?.kind === "version" && version.value && !isKnown(version.value.value)) {
    const { start, end, value } = version.value;
    const at = { file, start, end };
    const newer = Number.isInteger(value) && value > languageVersion;
    const hint = newer
      ? `this ctx reads versions up to ${languageVersion}: install a newer one`
      : `there is only version ${languageVersion}`;
    const title = `write version ${languageVersion}${newer ? ", if the recipe uses nothing newer" : ""}`;
    const fix = { title, safety: "review" as const, edits: [{ ...at, text: String(languageVersion) }] };
    report.add("CTX2501", at, { version: value, hint }, { fixes: [fix] });
  }
  once("recipe", "recipe");
}

/** Versions of the language that this compiler reads. */
function isKnown(version: number): boolean {
  return Number.isInteger(version) && version >= 1 && version <= languageVersion;
}
