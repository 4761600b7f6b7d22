import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadAddon, packageRoot } from "../engine/load.ts";
import { type LineProcess, startLines } from "./line_process.ts";

/**
 * PyTorch's MKL takes its AVX2 path on AMD processors that have AVX-512. This library, preloaded, makes it take the faster
 * one, so that we don't beat a misdetection.
 */
const MKL_SOURCE = "int mkl_serv_intel_cpu_true(void){return 1;}\nint mkl_serv_intel_cpu(void){return 1;}\n";

/** How PyTorch is run: as it comes, or with its MKL forced to AVX-512. */
export interface TorchVariant {
  /** Appended to the peer's name. */
  suffix: string;
  env: { [name: string]: string };
}

/** The variants of a peer that this machine can run. */
export interface TorchPeers {
  python: string;
  variants: TorchVariant[];
  /** Sentences for the tables: which variant is missing, and why. */
  notes: string[];
  /** Removes what was built. */
  close(): void;
}

/**
 * The peers that a Python stands for: PyTorch as installed, and with MKL's AVX-512 path forced.
 *
 * @param python a Python that has torch and transformers; absent: no peers, and a note that says so
 */
export function torchPeers(python: string | undefined): TorchPeers | null {
  if (!python) return null;
  const peers: TorchPeers = { python, variants: [{ suffix: "", env: {} }], notes: [], close: () => {} };
  if (!loadAddon().describe().cpuFeatures.includes("avx512f")) {
    peers.notes.push("PyTorch with MKL forced to AVX-512 is not among the peers: this CPU has no AVX-512.");
    return peers;
  }
  const folder = mkdtempSync(join(tmpdir(), "ctx-bench-"));
  const library = buildPreload(folder);
  if (!library) {
    rmSync(folder, { recursive: true });
    peers.notes.push("PyTorch with MKL forced to AVX-512 is not among the peers: `cc` could not build what forces it.");
    return peers;
  }
  peers.variants.push({
    suffix: ", MKL forced to AVX-512",
    env: { LD_PRELOAD: library, MKL_ENABLE_INSTRUCTIONS: "AVX512" },
  });
  peers.close = () => rmSync(folder, { recursive: true });
  return peers;
}

/**
 * Starts a script of this folder.
 *
 * @throws Error when the script ends before it answers
 */
export function startTorch(
  python: string,
  variant: TorchVariant,
  script: string,
  args: readonly string[],
): Promise<LineProcess> {
  const path = join(packageRoot(), "runtime", "bench", script);
  return startLines(python, [path, ...args], variant.env, "does it have torch and transformers?");
}

/** Builds the preload library in `folder`; null without a C compiler. */
function buildPreload(folder: string): string | null {
  const source = join(folder, "mkl.c");
  const library = join(folder, "mkl.so");
  writeFileSync(source, MKL_SOURCE);
  return spawnSync("cc", ["-shared", "-fPIC", "-o", library, source]).status === 0 ? library : null;
}
