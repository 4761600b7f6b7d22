import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Files that take longest, the longest first: begun last, one of them would run alone. A fresh clone does not know how long they took before. */
const LONGEST = [
  ...["cuda/on_host", "gpu/check", "engine/peak_memory", "attention/kernels", "cuda/attention_sm80", "ranks/engine"],
  ...["editor/playground/browser", "cuda/model", "ranks/run", "faults/interrupt", "native-ops/ops", "cuda/run"],
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
      return at < 0 ? LONGEST.length : at;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  // The editor that the extension runs in, as far as the extension calls it; properties on the same cases every time.
  resolve: { alias: { vscode: at("test/editor/vscode/fake_vscode.ts"), "fast-check": at("test/fast_check.ts") } },
  test: {
    include: ["test/**/*.test.ts"],
    sequence: { sequencer: LongestFirst },
    globalSetup: ["test/temporary_folders.ts"],
    // Against what hangs, not what is slow: the machine may do much else at the same time.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    teardownTimeout: 120_000,
    // Two cores: one worker for the tests, one left for the engine's own threads.
    maxWorkers: 2,
    reporters: ["default"],
  },
});
