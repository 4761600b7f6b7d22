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
 * @param keyValues numbers of a token's keys and values: 2 × kv heads × head_dim, fewer of latents
 * @param bytes of one number of k and v
 */
export function ringTraffic(ring: number, localTokens: number, keyValues: number, bytes: number): RingTraffic {
  if (ring === 1) return { forward: 0, backward: 0 };
  const kv = localTokens * keyValues * bytes;
  const gradients = localTokens * keyValues * 4;
  return { forward: (ring - 1) * kv, backward: (ring - 1) * kv + ring * gradients };
}

/**
 * Local tokens c from which zigzag's forward pass hides its transfers. A step computes c²/2 pairs at so many FLOPs each while
 * the keys and values of c tokens travel, so c ≥ 2 × bytes × keyValues × flopsPerSecond / (pairFlops × bytesPerSecond); of a
 * Llama, whose pairs take 4 × heads × head_dim FLOPs, bytes × (kv heads / heads) × flopsPerSecond / bytesPerSecond.
 *
 * @param keyValues numbers of a token's keys and values in a layer
 * @param pairFlops FLOPs of a query with a key, forward, in all heads of a layer
 * @param bytes of one number of k and v
 * @param flopsPerSecond reached by one rank's attention
 * @param bytesPerSecond of the link, one direction
 */
export function hiddenFromTokens(
  { keyValues, pairFlops }: { keyValues: number; pairFlops: number },
  bytes: number,
  flopsPerSecond: number,
  bytesPerSecond: number,
): number {
  return Math.ceil((2 * bytes * keyValues * flopsPerSecond) / (bytesPerSecond * pairFlops));
}
