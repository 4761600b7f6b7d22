/** A share with its 95% interval. */
export interface Share {
  correct: number;
  total: number;
  accuracy: number;
  low: number;
  high: number;
}

/** 97.5% quantile of the normal distribution. */
const Z = 1.959963984540054;

/**
 * `correct` of `total` with the Wilson score interval (E. B. Wilson, 1927), which stays inside [0, 1] and is honest for few
 * samples: 20 of 20 says "at least 84%", not "100% ± 0".
 */
export function share(correct: number, total: number): Share {
  if (total === 0) return { correct, total, accuracy: 0, low: 0, high: 1 };
  const p = correct / total;
  const scale = 1 + (Z * Z) / total;
  const centre = (p + (Z * Z) / (2 * total)) / scale;
  const half = (Z / scale) * Math.sqrt((p * (1 - p)) / total + (Z * Z) / (4 * total * total));
  return { correct, total, accuracy: p, low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}
