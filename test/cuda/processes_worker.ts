// One rank of a training on GPUs, for processes.test.ts: `node … <ring> <gpus> [bf16 | shard | cancel]`. Started by mpirun it is a process of a job, with one GPU;
// alone it trains on so many GPUs itself, 0 for one without ranks. Two steps; the leader prints what came of them as JSON. With
// `shard` they divide weights and gradients too; with `cancel` rank 0 gives a step up in its middle, closes its engine and ends the job with status 9.
import type { NativeRanks } from "../../runtime/engine/addon.ts";
import { loadAddon } from "../../runtime/engine/load.ts";
import { launchOf } from "../../runtime/ranks/launch.ts";
import { digest, readAll, setSmallRope } from "../engine/native.ts";
import { smallOptions, steps, tokens } from "./small_engine.ts";

export interface GpuResult {
  /** Losses and gradient norms. */
  told: number[];
  /** Of all weights. */
  digest: string;
  way: string;
}

const [ring, gpus, dtype] = process.argv.slice(2);
if (gpus === undefined) {
  process.stderr.write("usage: processes_worker <ring> <gpus> [bf16 | shard | cancel]\n");
  process.exit(2);
}
const addon = loadAddon();
const ranks: NativeRanks | null = launchOf(process.env) === null ? null : addon.joinRanks();
try {
  const engine = addon.createEngine({
    ...smallOptions(Number(ring), dtype === "shard" ? 3 : 1, dtype === "bf16" ? { dtype } : {}),
    ...(dtype === "shard" && { shard: "all" as const }),
    ...(ranks ? { processes: true } : { devices: Array.from({ length: Number(gpus) }, (_, gpu) => gpu) }),
  });
  if (ranks !== null && ranks.rank > 0) {
    await engine.follow();
  } else {
    setSmallRope(engine);
    await engine.initialize(5, 0.3);
    if (ranks && dtype === "cancel") {
      const many = Array.from({ length: 1000 }, (_, shift) => tokens(16, shift));
      setTimeout(() => engine.cancel(), 100);
      const code = await engine.accumulateAll(many).catch((error) => (error as { code?: string }).code);
      await engine.close();
      process.stderr.write(`given up: ${code}, ${ranks.allDone() ? "all done" : "not done"}\n`);
      ranks.abort(9);
    }
    const told = await steps(engine, 1, 2);
    const result: GpuResult = { told, digest: digest(await readAll(engine, "value")), way: engine.way() };
    process.stdout.write(JSON.stringify(result));
  }
  await engine.close();
  ranks?.leave();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  if (ranks) ranks.abort(9);
  throw error;
}
