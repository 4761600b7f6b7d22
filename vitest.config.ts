import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  // The editor that the extension runs in, as far as the extension calls it; properties on the same cases every time.
  resolve: { alias: { vscode: at("test/editor/vscode/fake_vscode.ts"), "fast-check": at("test/fast_check.ts") } },
  test: {
    include: ["test/**/*.test.ts"],
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
