/**
 * How long an editor waits for the language server: `ctx lsp` as a process of its own, over its standard streams, with recipes of a
 * thousand lines into which somebody types. Wall time from the keystroke to the answer, as the editor sees it.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { packageRoot } from "../engine/load.ts";
import { longRecipes } from "./compiler.ts";

/** Milliseconds of wall time: the best keystroke, which other programs disturbed least, and the median. */
export interface Wait {
  readonly what: string;
  readonly best: number;
  readonly median: number;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly version?: number };
}

/** A conversation with the server. */
class Conversation {
  readonly #child = spawn(process.execPath, [join(packageRoot(), "dist", "cli", "ctx.js"), "lsp", "--stdio"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  #waiting: { readonly wanted: (message: Message) => boolean; readonly found: () => void }[] = [];
  #read = Buffer.alloc(0);
  #id = 0;

  constructor() {
    this.#child.stdout.on("data", (data: Buffer) => this.#receive(data));
  }

  tell(method: string, params: object): void {
    this.#send({ method, params });
  }

  ask(method: string, params: object): Promise<void> {
    const id = ++this.#id;
    this.#send({ id, method, params });
    return this.until((message) => message.id === id && message.method === undefined);
  }

  until(wanted: (message: Message) => boolean): Promise<void> {
    return new Promise((found) => this.#waiting.push({ wanted, found }));
  }

  end(): void {
    this.#child.kill();
  }

  #send(message: object): void {
    const body = JSON.stringify({ jsonrpc: "2.0", ...message });
    this.#child.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }

  #receive(data: Buffer): void {
    this.#read = Buffer.concat([this.#read, data]);
    for (;;) {
      const head = this.#read.indexOf("\r\n\r\n");
      const length = Number(/Content-Length: (\d+)/.exec(this.#read.subarray(0, Math.max(0, head)).toString())?.[1]);
      if (head < 0 || this.#read.length < head + 4 + length) return;
      const message = JSON.parse(this.#read.subarray(head + 4, head + 4 + length).toString()) as Message;
      this.#read = this.#read.subarray(head + 4 + length);
      const met = this.#waiting.filter(({ wanted }) => wanted(message));
      this.#waiting = this.#waiting.filter((each) => !met.includes(each));
      for (const { found } of met) found();
    }
  }
}

/** Keystrokes that are timed, after as many to warm up. */
export const KEYSTROKES = 60;

/** Times keystrokes in each of the long recipes. */
export async function benchEditor(keystrokes = KEYSTROKES): Promise<Wait[]> {
  const waits: Wait[] = [];
  for (const [name, text] of Object.entries(longRecipes(1000))) {
    const server = new Conversation();
    await server.ask("initialize", { processId: process.pid, rootUri: null, capabilities: {} });
    server.tell("initialized", {});
    const uri = `file:///bench/${name}.ctx`;
    server.tell("textDocument/didOpen", { textDocument: { uri, languageId: "ctx", version: 1, text } });
    const lines = text.split("\n");
    // Behind the length of a stage in the middle, or the only one.
    const stages = lines.flatMap((line, k) => (/length = 64Ki/.test(line) ? [k] : []));
    const line = stages[stages.length >> 1]!;
    const start = lines[line]!.indexOf("64Ki") + 4;
    let version = 1;
    /** One more letter of the name of another property: no text comes twice. */
    const type = () => {
      const at = { line, character: start + version - 1 };
      const text = version === 1 ? " " : "abcdefgh"[version % 8]!;
      version++;
      server.tell("textDocument/didChange", {
        textDocument: { uri, version },
        contentChanges: [{ range: { start: at, end: at }, text }],
      });
      return { line, character: start + version - 1 };
    };
    const range = { start: { line, character: 0 }, end: { line: line + 1, character: 0 } };
    const answers = await timed(keystrokes, async () => {
      await server.ask("textDocument/completion", { textDocument: { uri }, position: type() });
    });
    // Hints are given of what is analysed: with them the whole of the diagnostics is there.
    const analyses = await timed(keystrokes, async () => {
      type();
      await server.ask("textDocument/inlayHint", { textDocument: { uri }, range });
    });
    server.end();
    waits.push(summary(`${lines.length} lines of ${name}: completions`, answers));
    waits.push(summary(`${lines.length} lines of ${name}: all diagnostics and hints`, analyses));
  }
  return waits;
}

/** Wall time of each round, after as many to warm up. */
async function timed(rounds: number, work: () => Promise<void>): Promise<number[]> {
  const times: number[] = [];
  for (let k = 0; k < 2 * rounds; k++) {
    const began = performance.now();
    await work();
    if (k >= rounds) times.push(performance.now() - began);
  }
  return times;
}

function summary(what: string, times: readonly number[]): Wait {
  const sorted = [...times].sort((a, b) => a - b);
  return { what, best: sorted[0]!, median: sorted[Math.floor(sorted.length / 2)]! };
}

/** docs/benchmarks/editor.md. @param made when, by what command and on what */
export function editorPage(made: string, waits: readonly Wait[]): string {
  const cell = (value: number) => value.toFixed(value < 20 ? 1 : 0);
  return `# Benchmarks of the language server

${made}

Wall time of ${KEYSTROKES} keystrokes into a recipe of a thousand lines, after as many to warm up: from the moment the editor sends the change to \`ctx lsp\`,
over its standard streams, to the answer. Diagnostics wait for a pause in typing of at least 20 ms, and of as long as the last analysis took where that
was costly: then what the syntax alone says comes first.

The mark: completions within 16 ms of the keystroke.

| | best, ms | median, ms |
| --- | ---: | ---: |
${waits.map(({ what, best, median }) => `| ${what} | ${cell(best)} | ${cell(median)} |`).join("\n")}
`;
}
