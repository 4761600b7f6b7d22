import { escapeText } from "../../compiler/drawing/svg.ts";

/**
 * The markdown that the language service writes, as HTML: paragraphs, lists, tables, fenced code, and within lines code, bold,
 * italics and links. Everything else stays as it is written; nothing of the text becomes markup.
 */
export function htmlOf(markdown: string): string {
  const blocks: string[] = [];
  const parts = markdown.split(/^```[^\n]*\n([\s\S]*?)^```$/gm);
  for (const [index, part] of parts.entries()) {
    if (index % 2 === 1) blocks.push(`<pre>${escapeText(part.trimEnd())}</pre>`);
    else
      blocks.push(
        ...part
          .split(/\n{2,}/)
          .filter((text) => text.trim() !== "")
          .map(blockOf),
      );
  }
  return blocks.join("\n");
}

function blockOf(text: string): string {
  const lines = text.trim().split("\n");
  if (lines.length > 2 && /^\|[-:| ]+\|$/.test(lines[1]!)) return tableOf(lines);
  if (lines.every((line) => line.startsWith("- ")))
    return `<ul>${lines.map((line) => `<li>${inline(line.slice(2))}</li>`).join("")}</ul>`;
  return `<p>${inline(lines.join("\n"))}</p>`;
}

function tableOf([head, , ...rows]: string[]): string {
  const cells = (line: string, name: string) =>
    line
      .replace(/^\||\|$/g, "")
      .split(/(?<!\\)\|/)
      .map((cell) => `<${name}>${inline(cell.trim().replaceAll("\\|", "|"))}</${name}>`)
      .join("");
  return `<table><tr>${cells(head!, "th")}</tr>${rows.map((row) => `<tr>${cells(row, "td")}</tr>`).join("")}</table>`;
}

function inline(text: string): string {
  // Code first: nothing within it means anything.
  return text
    .split(/(`+)(.+?)\1/)
    .map((part, index) => {
      if (index % 3 === 1) return "";
      if (index % 3 === 2) return `<code>${escapeText(part)}</code>`;
      return escapeText(part)
        .replace(/\*\*(.+?)\*\*/g, "<b>$1</b>")
        .replace(/(?<![\w*])\*(?!\s)(.+?)\*(?![\w*])/g, "<i>$1</i>")
        .replace(/\[([^\]]*)\]\((https:\/\/[^\s)&"]*)\)/g, '<a href="$2" rel="noopener">$1</a>')
        .replace(/\\([\\`*_{}[\]()#+.!|<>~-])/g, "$1");
    })
    .join("");
}
