import type { Stepper, Workload } from "./stepper.ts";
import { startTorch } from "./torch_process.ts";

/**
 * PyTorch and transformers taking the same steps in a process of their own; null when MKL was to be forced and can't be.
 *
 * @param python a Python that has both
 */
export async function torchStepper(python: string, workload: Workload, forced = false): Promise<Stepper | null> {
  const { shape, tokens, threads, checkpoint } = workload;
  const options = JSON.stringify({ shape, tokens, threads, checkpoint });
  const torch = await startTorch(python, "torch_step.py", [options], forced);
  if (!torch) return null;
  const { version } = torch.ready as { version: string };
  let bytes = 0;
  return {
    name: forced ? `${version}, MKL forced to AVX-512` : version,
    async step() {
      const answer = (await torch.ask("step")) as { wall: number; cpu: number; bytes: number };
      bytes = answer.bytes;
      return answer;
    },
    memory: () => bytes,
    close: () => torch.close(),
  };
}
