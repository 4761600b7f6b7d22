import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { loadAddon, packageRoot } from "../engine/load.ts";
import { startTorch, type TorchProcess } from "./torch_process.ts";

/** What `ctx_bench --json` prints: every kernel of one backend. Seconds are of one call. */
export interface KernelBench {
  backend: string;
  threads: number;
  /** Of multiply-adds in registers, in fp32 and in bf16. */
  peak_gflops: number;
  peak_bf16_gflops: number;
  copy_gbps: number;
  cases: KernelCase[];
  /** Names of those who did the same work. */
  peers: string[];
}

export interface KernelCase {
  name: string;
  /** Of the products: which peak they are held against. */
  dtype: "f32" | "bf16";
  flops: number;
  bytes: number;
  seconds: number;
  best: number;
  /** Median seconds of each peer; null where it has no such operation. */
  peers?: (number | null)[];
}

/**
 * Times all kernels, and PyTorch's where a Python is given: whole passes take turns, and each figure is the median of its
 * passes.
 *
 * @param seconds for each case and pass
 * @throws Error when ctx_bench is not built or fails
 */
export async function benchKernels(
  threads: number,
  seconds: number,
  passes: number,
  python: string | undefined,
): Promise<KernelBench> {
  const avx512 = loadAddon().describe().cpuFeatures.includes("avx512f");
  const peers: TorchProcess[] = [];
  const names: string[] = [];
  try {
    for (const forced of python ? (avx512 ? [false, true] : [false]) : []) {
      const peer = await startTorch(python!, "torch_kernels.py", [String(threads), String(seconds)], forced);
      if (!peer) continue;
      peers.push(peer);
      names.push(forced ? `${peer.ready}, MKL forced to AVX-512` : String(peer.ready));
    }
    const rounds: KernelBench[] = [];
    for (let pass = 0; pass < (peers.length > 0 ? passes : 1); pass++) {
      const own = ownKernels(threads, seconds);
      for (const kernel of own.cases) {
        kernel.peers = [];
        for (const peer of peers) kernel.peers.push((await peer.ask(kernel.name)) as number | null);
      }
      rounds.push(own);
    }
    return { ...merge(rounds), peers: names };
  } finally {
    for (const peer of peers) await peer.close();
  }
}

/** Runs native/build/ctx_bench. */
function ownKernels(threads: number, seconds: number): KernelBench {
  const program = join(packageRoot(), "native", "build", "ctx_bench");
  const { status, stdout, stderr, error } = spawnSync(
    program,
    ["--json", "--threads", String(threads), "--seconds", String(seconds)],
    { encoding: "utf8", maxBuffer: 1 << 26 },
  );
  if (error || status !== 0) throw new Error(`${program}: ${error?.message ?? stderr.trim()}`);
  return JSON.parse(stdout) as KernelBench;
}

/** Medians over passes of the same cases. */
function merge(rounds: readonly KernelBench[]): KernelBench {
  const middle = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
  const cases = rounds[0]!.cases.map((kernel, k): KernelCase => {
    const same = rounds.map(({ cases }) => cases[k]!);
    const peers = kernel.peers!.map((first, p) => (first === null ? null : middle(same.map((c) => c.peers![p]!))));
    return {
      ...kernel,
      peers,
      seconds: middle(same.map((c) => c.seconds)),
      best: Math.min(...same.map((c) => c.best)),
    };
  });
  return {
    ...rounds[0]!,
    cases,
    peak_gflops: middle(rounds.map((round) => round.peak_gflops)),
    peak_bf16_gflops: middle(rounds.map((round) => round.peak_bf16_gflops)),
    copy_gbps: middle(rounds.map((round) => round.copy_gbps)),
  };
}
