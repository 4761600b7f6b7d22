/**
 * How long reading and formatting a recipe take: `node dist/grammar/bench.js [lines]`. CPU time of one thread, the median
 * and the best of 50 rounds after a warm-up.
 */
import { format } from "./format.ts";
import { parse } from "./parse.ts";
import { lexer } from "./tokens.ts";

const part = `
data {
  source books { files = "books/*.jsonl.zst"  text = "text"  filter = tokens >= 4Ki }
  mix       = { books: 90%, chat: 10% }
  documents = mask  # no attention across document boundaries
}
rope { theta = floor(previous.theta * (4 * length / previous.length - 3) ^ (d / (d - 2))) }
stage s64k { length = 64Ki  steps = 30  batch = 32 }
train {
  optimizer = adamw(lr: 2e-5, betas: [0.9, 0.95])
}
evaluate {
  needle { lengths = 64Ki..1Mi x2  depths = 11 }
  gate   { needle >= 95%  otherwise = stop }
}
`;

function milliseconds(work: () => void): { best: number; median: number } {
  for (let i = 0; i < 50; i++) work();
  const times = Array.from({ length: 50 }, () => {
    const before = process.cpuUsage();
    work();
    const used = process.cpuUsage(before);
    return (used.user + used.system) / 1000;
  }).sort((a, b) => a - b);
  return { best: times[0]!, median: times[25]! };
}

const wanted = Number(process.argv[2] ?? 1000);
const lines = part.trim().split("\n");
const text = Array.from({ length: wanted }, (_, i) => lines[i % lines.length]!).join("\n");
console.log(`${wanted} lines, ${text.length} characters, ${lexer.tokenize(text).tokens.length} tokens; CPU ms`);
for (const [name, work] of [
  ["lex", () => lexer.tokenize(text)],
  ["lex + parse", () => parse(text)],
  ["format", () => format(text)],
] as const) {
  const { best, median } = milliseconds(work);
  console.log(`${name.padEnd(12)} best ${best.toFixed(2).padStart(6)}   median ${median.toFixed(2).padStart(6)}`);
}
