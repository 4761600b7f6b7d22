import { type Analysis, analyze } from "../../compiler/analyze.ts";
import type { Diagnostic } from "../../compiler/diagnostics/diagnostic.ts";
import type { Host } from "../../compiler/host.ts";
import { SourceText } from "../../grammar/index.ts";

/**
 * A broken recipe that carries what is wrong with it: under each line stand comments such as
 *
 *     stage a { length = 64K }
 *     #                  ^^^ warning CTX2103 64K as a length is … | lengths are usually … | fix: 64Ki
 *
 * with the carets under the place. `#^^` begins in the first column. A place that no line can show (in another file, an
 * empty text) is told at the end: `#@ base.ctx:1:1 error …`.
 *
 * Lines at the top set the scene: `# file PATH TEXT` is a file that the recipe can read (`\n` for a line break),
 * `# set NAME=VALUE` is `--set`, `# size PATH BYTES` a file of that size without text, `# memory 16` a machine with 16 GiB instead of one
 * that everything fits, and in a file's text `«x*1000»` stands for a thousand times `x`. `# tensors PATH NAME=128x64 NAME=BF16:64 …` is a
 * safetensors file with these tensors, in F32 where no dtype is named; `model.layers.0-3.…` is one in each of four layers.
 */
const expectation = /^#(?:@ | *\^+ )/;

/** The recipe without its expectations. */
export function recipeOf(fixture: string): string {
  return fixture
    .split("\n")
    .filter((line) => !expectation.test(line))
    .join("\n");
}

/** What the recipe of a fixture sees of the world. */
export function hostOf(recipe: string): Host {
  const files = new Map<string, string>();
  const sizes = new Map<string, number>();
  for (const [, path, text] of recipe.matchAll(/^# file (\S+) (.*)$/gm)) {
    let content = text!.replaceAll("\\n", "\n");
    for (let before = ""; before !== content; ) {
      before = content;
      content = content.replace(/«([^«»]*)\*(\d+)»/g, (_, part: string, times: string) => part.repeat(Number(times)));
    }
    files.set(path!, content);
    sizes.set(path!, content.length);
  }
  for (const [, path, tensors] of recipe.matchAll(/^# tensors (\S+) (.*)$/gm)) {
    const { header, bytes } = safetensors(tensors!);
    files.set(path!, header);
    sizes.set(path!, header.length + bytes);
  }
  for (const [, path, bytes] of recipe.matchAll(/^# size (\S+) (\d+)$/gm)) sizes.set(path!, Number(bytes));
  const memory = Number(/^# memory (\d+)$/m.exec(recipe)?.[1] ?? 4096);
  return {
    readText: (path) => files.get(path),
    list: (pattern) => {
      const source = pattern.replace(/[.]/g, "\\.").replaceAll("*", "[^/]*");
      return [...sizes.keys()].filter((path) => new RegExp(`^${source}$`).test(path));
    },
    size: (path) => sizes.get(path),
    head: (path, bytes) => {
      const text = files.get(path);
      return text === undefined ? undefined : new TextEncoder().encode(text).subarray(0, bytes);
    },
    part: (path, from, bytes) => {
      const text = files.get(path);
      return text === undefined ? undefined : new TextEncoder().encode(text).subarray(from, from + bytes);
    },
    hubFolder: () => undefined,
    machine: () => ({ cores: 2, isa: "avx2", memoryBytes: memory * 2 ** 30 }),
  };
}

/** A file's header, with as many bytes as its tensors take behind it. */
function safetensors(list: string): { header: string; bytes: number } {
  const entries: { [name: string]: object } = {};
  let bytes = 0;
  for (const [, name, dtype = "F32", shape] of list.matchAll(/([^\s=]+)=(?:(\w+):)?([\dx]+)/g)) {
    const lengths = shape!.split("x").map(Number);
    const [, before, first, last, after] = /^(.*\.)(\d+)-(\d+)(\..*)$/.exec(name!) ?? [];
    const count = first === undefined ? 1 : Number(last) - Number(first) + 1;
    for (let k = 0; k < count; k++) {
      const size = lengths.reduce((product, length) => product * length, WIDTHS[dtype]!);
      const offsets = [bytes, bytes + size];
      const full = first === undefined ? name! : `${before}${Number(first) + k}${after}`;
      entries[full] = { dtype, shape: lengths, data_offsets: offsets };
      bytes += size;
    }
  }
  const json = JSON.stringify(entries);
  // Each byte of the length must be a character below 128, as the file is kept as text.
  const padded = json.padEnd(256 * Math.ceil(json.length / 256));
  const length = String.fromCharCode(0, padded.length / 256, 0, 0, 0, 0, 0, 0);
  return { header: `${length}${padded}`, bytes };
}

const WIDTHS: { readonly [dtype: string]: number } = { F32: 4, BF16: 2, F8_E4M3: 1, I8: 1 };

export function analyzeFixture(recipe: string, file = "recipe.ctx"): Analysis {
  const settings = [...recipe.matchAll(/^# set (\w+)=(.*)$/gm)].map(([, name, value]) => [name!, value!] as const);
  return analyze(recipe, hostOf(recipe), { file, set: Object.fromEntries(settings) });
}

/** The recipe with the expectations that its diagnostics give. */
export function annotate(recipe: string, analysis: Analysis): string {
  const text = new SourceText(recipe);
  const under = new Map<number, string[]>();
  const rest: string[] = [];
  for (const diagnostic of analysis.diagnostics) {
    const { at } = diagnostic;
    const { line, character } = text.position(at.start);
    const end = text.position(Math.min(at.end, text.line(line).end)).character;
    if (at.file !== analysis.file || end <= character) {
      const position = analysis.texts.get(at.file)?.position(at.start) ?? { line: 0, character: 0 };
      rest.push(`#@ ${at.file}:${position.line + 1}:${position.character + 1} ${words(diagnostic)}`);
      continue;
    }
    const carets =
      character === 0
        ? `#${"^".repeat(Math.max(1, end - 1))}`
        : `#${" ".repeat(character - 1)}${"^".repeat(end - character)}`;
    under.set(line, [...(under.get(line) ?? []), `${carets} ${words(diagnostic)}`]);
  }
  const lines = recipe.split("\n").flatMap((line, k) => [line, ...(under.get(k) ?? [])]);
  const last = lines.at(-1) === "" ? lines.pop() : undefined;
  return [...lines, ...rest, ...(last === undefined ? [] : [last])].join("\n");
}

function words({ severity, code, message, label, related, fixes }: Diagnostic): string {
  const parts = [`${severity} ${code} ${message}`, label];
  if (related.length > 0) parts.push(`see: ${related.map((each) => each.message).join("; ")}`);
  if (fixes.length > 0) parts.push(`fix: ${fixes.map(({ title, safety }) => `${title} (${safety})`).join(", or ")}`);
  return parts.join(" | ");
}
