/** Ring attention as data: who holds which tokens, who computes which block when, how even that is, and what fits. */
export { blockPairs, type RingBalance, ringBalance, stepPairs } from "./balance.ts";
export { drawRing } from "./draw.ts";
export { chunkCount, type RingLayout, rankSpans, type Span } from "./layout.ts";
export { divides, divisors, legalRings, nearestLengths, nearestRing } from "./legal.ts";
export { type RingBlock, type RingOptions, type RingStep, ringSchedule } from "./schedule.ts";
export { hiddenFromTokens, type RingTraffic, ringTraffic } from "./traffic.ts";
