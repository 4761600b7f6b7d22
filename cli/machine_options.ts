import { availableParallelism } from "node:os";
import { type Command, InvalidArgumentError, Option } from "commander";

export interface MachineOptions {
  device?: "cpu" | "cuda";
  threads?: number;
}

/** Adds `--device` and `--threads`. */
export function addMachineOptions(command: Command): Command {
  return command
    .addOption(new Option("--device <device>", "where to compute").choices(["cpu", "cuda"]))
    .option(
      "--threads <n>",
      "threads to compute with (default: all cores); results do not depend on it",
      positiveInteger,
    );
}

export function threadsOf(options: MachineOptions): number {
  return options.threads ?? availableParallelism();
}

/** For commander: a whole number above 0. */
export function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value <= 0) throw new InvalidArgumentError("expected a whole number above 0.");
  return value;
}

/** For commander: `1Ki,2Ki,4096` as lengths in tokens. */
export function tokenLengths(text: string): number[] {
  const units: { [unit: string]: number } = { "": 1, Ki: 2 ** 10, Mi: 2 ** 20, K: 1e3, M: 1e6 };
  return text.split(",").map((word) => {
    const found = /^(\d+)(Ki|Mi|K|M)?$/.exec(word.trim());
    const value = found ? Number(found[1]) * units[found[2] ?? ""]! : 0;
    if (value <= 0) throw new InvalidArgumentError(`"${word}" is no length; write lengths such as 512,1Ki,4Ki.`);
    return value;
  });
}
