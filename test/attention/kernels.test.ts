// Flash attention and ring attention of every CPU backend that this machine can run, against float64 (see reference.h).
import { describe } from "vitest";
import { testOnBackends } from "../native_program.ts";

describe("flash attention", () => {
  testOnBackends("ctx_test_attention", /[1-9]\d* checks, 0 failures/);
});

describe("flash attention of bf16", () => {
  testOnBackends("ctx_test_attention_bf16", /[1-9]\d* checks, 0 failures/);
});

describe("ring attention", () => {
  testOnBackends("ctx_test_ring", /[1-9]\d* checks, 0 failures/);
});
