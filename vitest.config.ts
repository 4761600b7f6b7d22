import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  // The editor that the extension runs in, as far as the extension calls it.
  resolve: { alias: { vscode: fileURLToPath(new URL("test/editor/vscode/fake_vscode.ts", import.meta.url)) } },
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/temporary_folders.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two cores: one worker for the tests, one left for the engine's own threads.
    maxWorkers: 2,
    reporters: ["default"],
  },
});
