/** What a rank sends in one layer's attention. Bytes for one row. */
export interface RingTraffic {
  forward: number;
  backward: number;
}

/**
 * Bytes that each rank sends to the next in one layer: keys and values make P-1 hops forward; backward they make them
 * again and their fp32 gradients make P hops, the last one home.
 *
 * @param localTokens tokens a rank holds: length / P
 * @param kvSize kv heads × head_dim
 * @param bytes of one number of k and v
 */
export function ringTraffic(ring: number, localTokens: number, kvSize: number, bytes: number): RingTraffic {
  if (ring === 1) return { forward: 0, backward: 0 };
  const kv = 2 * localTokens * kvSize * bytes;
  const gradients = 2 * localTokens * kvSize * 4;
  return { forward: (ring - 1) * kv, backward: (ring - 1) * kv + ring * gradients };
}

/**
 * Local tokens c from which zigzag's forward pass hides its transfers. A step computes c²/2 pairs at 4 × heads × head_dim
 * FLOPs each while 2 × c × kv heads × head_dim numbers travel, so
 * c ≥ bytes × (kv heads / heads) × flopsPerSecond / bytesPerSecond.
 *
 * @param bytes of one number of k and v
 * @param flopsPerSecond reached by one rank's attention
 * @param bytesPerSecond of the link, one direction
 */
export function hiddenFromTokens(
  shape: { heads: number; kv_heads: number },
  bytes: number,
  flopsPerSecond: number,
  bytesPerSecond: number,
): number {
  return Math.ceil((bytes * shape.kv_heads * flopsPerSecond) / (bytesPerSecond * shape.heads));
}
