import { bytes, duration, integer, short, significant } from "../runtime/report/format.ts";
import type { Listener, RunEvent } from "../runtime/run/events.ts";
import { paint } from "./paint.ts";

/** Seconds between plain lines when the output is no terminal. */
const PLAIN_EVERY = 10;
/** Milliseconds between redraws on a terminal. */
const REDRAW_EVERY = 80;

type Stream = Pick<NodeJS.WriteStream, "write" | "isTTY" | "columns">;

/**
 * Shows a run's events on stderr. On a terminal the last line is redrawn in place and finished steps stay above it;
 * elsewhere there is one plain line for each event that matters and at most one every ten seconds in between.
 */
export class Progress {
  readonly #stream: Stream;
  readonly #quiet: boolean;
  readonly #terminal: boolean;
  /** What is going on, and since when. */
  #title = "";
  #since = 0;
  #plainAt = 0;
  #drawnAt = 0;
  /** Whether a line that may be redrawn stands on the terminal. */
  #live = false;
  #stage = "";

  constructor(quiet: boolean, stream: Stream = process.stderr) {
    this.#stream = stream;
    this.#quiet = quiet;
    this.#terminal = stream.isTTY === true && process.env.TERM !== "dumb";
  }

  readonly listen: Listener = (event) => {
    if (!this.#quiet) this.#show(event);
  };

  /** Leaves the terminal in order; to be called however the command ends. */
  close(): void {
    this.#clear();
  }

  #show(event: RunEvent): void {
    switch (event.kind) {
      case "phase":
        this.#title = event.title;
        this.#since = now();
        this.#plainAt = now();
        if (this.#terminal) this.#draw(`  ${event.title} …`, true);
        else this.#print(`${event.title} …`);
        return;
      case "progress": {
        const { done, total, unit, part = total > 0 ? done / total : 0 } = event;
        const count = `${integer(done)} of ${integer(total)} ${unit}`;
        this.#moving(`${this.#title}  ${bar(part, this.#terminal)} ${count}${left(now() - this.#since, part)}`);
        return;
      }
      case "done":
        this.#finish(`${event.title}  ${paint("dim", duration(now() - this.#since))}`);
        return;
      case "stage":
        this.#stage = `stage ${event.index + 1} of ${event.count}, ${event.name}`;
        this.#since = now();
        this.#plainAt = 0;
        this.#print(paint("bold", `${this.#stage}: ${stageText(event)}`));
        return;
      case "step":
        this.#moving(stepText(event, this.#terminal), event.metrics.step === event.steps);
        if (event.metrics.step === event.steps)
          this.#finish(`${this.#stage}  ${paint("dim", duration(now() - this.#since))}`);
        return;
      case "checkpoint":
        return;
      case "note":
        this.#print(event.text);
        return;
    }
  }

  /** A line that will soon be replaced by a newer one. */
  #moving(text: string, force = false): void {
    if (this.#terminal) this.#draw(`  ${text}`, force);
    else if (force || now() - this.#plainAt >= PLAIN_EVERY) {
      this.#plainAt = now();
      this.#print(text);
    }
  }

  #finish(text: string): void {
    this.#print(`${paint("green", "✓")} ${text}`);
  }

  #print(text: string): void {
    this.#clear();
    this.#stream.write(`${text}\n`);
  }

  #draw(text: string, force: boolean): void {
    const time = Date.now();
    if (!force && time - this.#drawnAt < REDRAW_EVERY) return;
    this.#drawnAt = time;
    const columns = this.#stream.columns ?? 80;
    this.#stream.write(`\r\x1b[2K${cut(text, columns - 1)}`);
    this.#live = true;
  }

  #clear(): void {
    if (this.#live) this.#stream.write("\r\x1b[2K");
    this.#live = false;
  }
}

function now(): number {
  return performance.now() / 1000;
}

function stageText(event: Extract<RunEvent, { kind: "stage" }>): string {
  const reach = event.context > event.length ? `, positions up to ${integer(event.context)}` : "";
  return `${integer(event.steps)} steps on ${integer(event.length)} tokens a row${reach}`;
}

function stepText(event: Extract<RunEvent, { kind: "step" }>, terminal: boolean): string {
  const { metrics, steps, secondsLeft } = event;
  const losses = [
    metrics.text_loss === null ? "" : `text ${metrics.text_loss.toFixed(3)}`,
    metrics.answer_loss === null ? "" : `answers ${metrics.answer_loss.toFixed(3)}`,
  ].filter((part) => part !== "");
  const parts = [
    `${bar(steps > 0 ? metrics.step / steps : 0, terminal)} step ${integer(metrics.step)} of ${integer(steps)}`.trimStart(),
    losses.length > 0 ? `loss ${losses.join(", ")}` : `loss ${metrics.loss?.toFixed(3) ?? "not a number"}`,
    `lr ${significant(metrics.lr)}`,
    `${short(metrics.tokens_per_second)} tokens/s`,
    bytes(metrics.memory_bytes),
    ...(secondsLeft > 0 ? [`${duration(secondsLeft)} left`] : []),
  ];
  return parts.join(" · ");
}

const BAR = 18;

/** @param part done, from 0 to 1 */
function bar(part: number, terminal: boolean): string {
  if (!terminal) return "";
  const filled = Math.round(Math.min(1, part) * BAR);
  return `${"━".repeat(filled)}${paint("dim", "─".repeat(BAR - filled))}`;
}

/** " · 12 s left", once there is something to judge by. */
function left(seconds: number, part: number): string {
  if (part >= 1 || part < 1 / 50 || seconds < 1) return "";
  return ` · ${duration((seconds / part) * (1 - part))} left`;
}

/** Cuts to `width` columns; escape sequences take none. */
function cut(text: string, width: number): string {
  let columns = 0;
  let result = "";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
  for (const part of text.split(/(\x1b\[[0-9;]*m)/)) {
    if (part.startsWith("\x1b")) {
      result += part;
      continue;
    }
    const kept = [...part].slice(0, Math.max(0, width - columns));
    columns += kept.length;
    result += kept.join("");
  }
  return result;
}
