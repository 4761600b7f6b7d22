// Every operation of every CPU backend that this machine can run, against float64 references (see harness.h).
import { describe } from "vitest";
import { testOnBackends } from "../native_program.ts";

describe("operations of the backends", () => {
  testOnBackends("ctx_test_ops", /\d+ cases, 0 failed/);
});
