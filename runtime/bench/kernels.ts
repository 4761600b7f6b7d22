import type { LineProcess } from "./line_process.ts";
import { middle, middlePeak, type OwnCase, type Peak, peakOf, runCtxBench } from "./roofs.ts";
import { startTorch, type TorchPeers } from "./torch_process.ts";

/** Every kernel of one backend, beside its peers. */
export interface KernelBench {
  backend: string;
  copy: number;
  cases: KernelCase[];
  /** Names of those who did the same work. */
  peers: string[];
}

/** Medians over the passes. */
export interface KernelCase extends OwnCase {
  /** Measured right beside the case, by the same clock. */
  peak: Peak;
  /** Seconds of each peer; null where it has no such operation. */
  peers: (number | null)[];
}

/**
 * Times all kernels, and PyTorch's where there is one: for each case and pass first ours, then each peer's.
 *
 * @param seconds for each case and pass
 * @param filter part of the names of the cases wanted
 */
export async function benchKernels(
  threads: number,
  seconds: number,
  passes: number,
  filter: string,
  torch: TorchPeers | null,
): Promise<KernelBench> {
  const peers: LineProcess[] = [];
  const names: string[] = [];
  try {
    for (const variant of torch?.variants ?? []) {
      const args = [String(threads), String(seconds)];
      const peer = await startTorch(torch!.python, variant, "torch_kernels.py", args);
      peers.push(peer);
      names.push(`${peer.ready}${variant.suffix}`);
    }
    const list = runCtxBench(threads, 0.001, filter);
    const cases: KernelCase[] = [];
    for (const { name } of list.cases) {
      const rounds: KernelCase[] = [];
      for (let pass = 0; pass < passes; pass++) {
        const own = runCtxBench(threads, seconds, name);
        const found = own.cases.find((candidate) => candidate.name === name)!;
        const theirs: (number | null)[] = [];
        for (const peer of peers) theirs.push((await peer.ask(name)) as number | null);
        rounds.push({ ...found, peak: peakOf(own), peers: theirs });
      }
      cases.push(merge(rounds));
    }
    return { backend: list.backend, copy: list.copy_gbps, cases, peers: names };
  } finally {
    for (const peer of peers) await peer.close();
  }
}

/** Medians over passes of the same case. */
function merge(rounds: readonly KernelCase[]): KernelCase {
  const first = rounds[0]!;
  return {
    ...first,
    seconds: middle(rounds.map((round) => round.seconds)),
    best: Math.min(...rounds.map((round) => round.best)),
    peak: middlePeak(rounds.map((round) => round.peak)),
    peers: first.peers.map((their, i) => (their === null ? null : middle(rounds.map((round) => round.peers[i]!)))),
  };
}
