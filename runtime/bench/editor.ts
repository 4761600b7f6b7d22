/**
 * How long an editor waits for the language server: `ctx lsp` as a process of its own, over its standard streams, with recipes of a
 * thousand lines into which somebody types. Wall time from the keystroke to the answer, as the editor sees it.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../engine/load.ts";
import { longRecipes } from "./compiler.ts";

/** Milliseconds: wall time of the best keystroke, which other programs disturbed least, and the median; CPU time of the server for one, on average. */
export interface Wait {
  readonly what: string;
  readonly best: number;
  readonly median: number;
  /** Null where the system does not tell. */
  readonly cpu: number | null;
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

  /** CPU time of the server so far, in milliseconds. */
  cpu(): number | null {
    try {
      const [, fields] = /\) (.*)$/.exec(readFileSync(`/proc/${this.#child.pid}/stat`, "utf8").trim()) ?? [];
      const [user, system] = fields!.split(" ").slice(11, 13).map(Number);
      return (user! + system!) * 10; // ticks of a hundredth of a second
    } catch {
      return null;
    }
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
    const title = `${lines.length} lines of ${name}`;
    const answers = await timed(`${title}: completions`, keystrokes, server, async () => {
      await server.ask("textDocument/completion", { textDocument: { uri }, position: type() });
    });
    // Hints are given of what is analysed: with them the whole of the diagnostics is there.
    const analyses = await timed(`${title}: all diagnostics and hints`, keystrokes, server, async () => {
      type();
      await server.ask("textDocument/inlayHint", { textDocument: { uri }, range });
    });
    server.end();
    waits.push(answers, analyses);
  }
  return waits;
}

/** Times rounds, after as many to warm up. */
async function timed(what: string, rounds: number, server: Conversation, work: () => Promise<void>): Promise<Wait> {
  const times: number[] = [];
  let before: number | null = null;
  for (let k = 0; k < 2 * rounds; k++) {
    if (k === rounds) before = server.cpu();
    const began = performance.now();
    await work();
    if (k >= rounds) times.push(performance.now() - began);
  }
  const after = server.cpu();
  times.sort((a, b) => a - b);
  const cpu = before === null || after === null ? null : (after - before) / rounds;
  return { what, best: times[0]!, median: times[Math.floor(times.length / 2)]!, cpu };
}

/** docs/benchmarks/editor.md. @param made when, by what command and on what */
export function editorPage(made: string, waits: readonly Wait[]): string {
  const cell = (value: number | null) => (value === null ? "–" : value.toFixed(value < 20 ? 1 : 0));
  return `# Benchmarks of the language server

${made}

Wall time of ${KEYSTROKES} keystrokes into a recipe of a thousand lines, after as many to warm up: from the moment the editor sends the change to \`ctx lsp\`,
over its standard streams, to the answer; and the CPU time of the server for one keystroke, on average, which other programs on the machine change less.
Completions are asked for letter after letter, without a pause in which anything else would be done. Diagnostics wait for a pause in typing of at least 20 ms, and of as long as the last analysis took where that
was costly: then what the syntax alone says comes first.

The mark: completions within 16 ms of the keystroke.

| | best, ms | median, ms | CPU, ms |
| --- | ---: | ---: | ---: |
${waits.map(({ what, best, median, cpu }) => `| ${what} | ${cell(best)} | ${cell(median)} | ${cell(cpu)} |`).join("\n")}
`;
}
