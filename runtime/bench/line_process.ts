import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** A program that is asked and answers by lines of JSON. */
export interface LineProcess {
  /** What it said when it was ready. */
  ready: unknown;
  /** Sends a line and waits for the answer. */
  ask(line: string): Promise<unknown>;
  close(): Promise<void>;
}

/**
 * Starts a program and waits until it is ready.
 *
 * @param hint what may be wrong when it ends without an answer
 * @throws Error when it ends before it answers, or answers what is not JSON
 */
export async function startLines(
  command: string,
  args: readonly string[],
  env: { [name: string]: string },
  hint: string,
): Promise<LineProcess> {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"], env: { ...process.env, ...env } });
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const problem = new Promise<never>((_, reject) => {
    child.once("error", (error) => reject(new Error(`cannot start ${command}: ${error.message}`)));
  });
  problem.catch(() => {}); // it may come when nobody waits
  child.stdin.on("error", () => {}); // a program that has ended is noticed at its missing answer
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (): Promise<unknown> => {
    const { value, done } = await Promise.race([lines.next(), problem]);
    if (done) throw new Error(`${command} ended before it answered; ${hint}`);
    try {
      return JSON.parse(value);
    } catch {
      throw new Error(`${command} answered "${value}", a line of JSON was expected; ${hint}`);
    }
  };
  return {
    ready: await answer(),
    ask(line) {
      child.stdin.write(`${line}\n`);
      return answer();
    },
    async close() {
      child.stdin.end();
      await closed;
    },
  };
}
