import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { CpuMeasured, PerDtype } from "../compiler/cost/hardware.ts";
import { writeAtomic } from "../runtime/run/files.ts";

/** What `ctx doctor --calibrate` found out about this machine, for the plans that are made on it. */
export interface Calibration extends CpuMeasured {
  version: 1;
  /** The machine that it holds for. */
  processor: string;
  cores: number;
}

/** `ctx/machine.json` in the user's folder of settings (`XDG_CONFIG_HOME`, `~/.config`). */
export function calibrationFile(): string {
  return join(process.env.XDG_CONFIG_HOME || join(homedir(), ".config"), "ctx", "machine.json");
}

/** What was measured before; undefined when nothing was, or the file holds something else. */
export function readCalibration(): Calibration | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(calibrationFile(), "utf8"));
    return isCalibration(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** @throws Failure when it can't be written */
export function writeCalibration(calibration: Calibration): void {
  writeAtomic(calibrationFile(), `${JSON.stringify(calibration, null, 2)}\n`);
}

function isCalibration(value: unknown): value is Calibration {
  if (!isRecord(value) || value.version !== 1) return false;
  const { processor, cores, peak, efficiency } = value;
  return (
    typeof processor === "string" &&
    typeof cores === "number" &&
    isRecord(peak) &&
    isRecord(efficiency) &&
    DTYPES.every((dtype) => within(peak[dtype], 1e6, 1e18)) &&
    DTYPES.every((dtype) => efficiency[dtype] === undefined || within(efficiency[dtype], 0.001, 1))
  );
}

const DTYPES: readonly (keyof PerDtype<number>)[] = ["f32", "bf16"];

function within(value: unknown, least: number, most: number): boolean {
  return typeof value === "number" && value >= least && value <= most;
}

function isRecord(value: unknown): value is { [key: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
