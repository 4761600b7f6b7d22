import type { Answer, Question } from "./answers.ts";

/** A recipe that takes longer than this, in milliseconds, is given up and the worker begun anew. */
const PATIENCE = 20_000;

interface Waiting {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: Error) => void;
  readonly timer: number;
}

/** The page's end of the worker. */
export class Client {
  #worker: Worker | undefined;
  #next = 0;
  readonly #waiting = new Map<number, Waiting>();

  constructor(private readonly address: string) {}

  ask<Q extends Question>(question: Q): Promise<Answer<Q>> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#giveUp(`no answer within ${PATIENCE / 1000} seconds`), PATIENCE);
      this.#waiting.set(id, { resolve, reject, timer });
      this.#started().postMessage({ id, question });
    });
  }

  #started(): Worker {
    if (this.#worker) return this.#worker;
    const worker = new Worker(this.address);
    worker.addEventListener("message", ({ data }) => this.#settle(data));
    worker.addEventListener("error", ({ message }) => this.#giveUp(message || "the worker could not be loaded"));
    this.#worker = worker;
    return worker;
  }

  #settle({ id, answer, fault }: { id: number; answer?: never; fault?: string }): void {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    if (fault === undefined) waiting.resolve(answer as never);
    else waiting.reject(new Error(fault));
  }

  /** One that hangs answers nobody any more. */
  #giveUp(reason: string): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    for (const [id] of this.#waiting) this.#settle({ id, fault: reason });
  }
}
