import { expect, test } from "vitest";
import { instructionSet } from "../../cli/processor.ts";

const cpuinfo = (vendor: string, family: number, flags: string) =>
  `processor\t: 0\nvendor_id\t: ${vendor}\ncpu family\t: ${family}\nmodel\t\t: 17\nflags\t\t: fpu sse2 ${flags}\nbugs\t\t: none\n`;

const zen4 = "avx2 avx512f avx512bw avx512_bf16";

test.each([
  ["", { isa: "portable" }],
  [cpuinfo("GenuineIntel", 6, "sse4_2"), { isa: "portable" }],
  [cpuinfo("AuthenticAMD", 25, "avx2"), { isa: "avx2" }],
  [cpuinfo("GenuineIntel", 6, "avx2 avx512f"), { isa: "avx512" }],
  [cpuinfo("GenuineIntel", 6, zen4), { isa: "avx512bf16" }],
  // Zen 4, and Zen 5 with units of the full width.
  [cpuinfo("AuthenticAMD", 25, zen4), { isa: "avx512bf16", halved: true }],
  [cpuinfo("AuthenticAMD", 26, zen4), { isa: "avx512bf16" }],
])("%j", (text, expected) => {
  expect(instructionSet(text)).toEqual(expected);
});
