import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/temporary_folders.ts"],
    testTimeout: 60_000,
    // Two cores: one worker for the tests, one left for the engine's own threads.
    maxWorkers: 2,
    reporters: ["default"],
  },
});
