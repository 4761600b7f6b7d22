/**
 * Position Interpolation (Chen et al. 2306.15595, equation 4): positions divided by `factor`, which is the same as
 * dividing every frequency.
 */
export function linearFrequencies(base: readonly number[], factor: number): number[] {
  return base.map((frequency) => frequency / factor);
}
