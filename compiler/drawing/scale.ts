/** Maps values to pixels and chooses where ticks stand. */
export interface Scale {
  at(value: number): number;
  ticks: number[];
}

/** Linear scale over [low, high], widened to round ticks when `nice`. */
export function linearScale(low: number, high: number, from: number, to: number, wanted = 5, nice = true): Scale {
  let [least, most] = low === high ? [low - 0.5, high + 0.5] : [low, high];
  const step = roundStep((most - least) / wanted);
  if (nice) {
    least = Math.floor(least / step + 1e-9) * step;
    most = Math.ceil(most / step - 1e-9) * step;
  }
  const ticks: number[] = [];
  for (let n = Math.ceil(least / step - 1e-9); n * step <= most + step * 1e-9; n++)
    ticks.push(Number((n * step).toPrecision(12)));
  return { at: (value) => from + ((value - least) / (most - least)) * (to - from), ticks };
}

/** Logarithmic scale; ticks at powers of `base`, thinned to at most `wanted`. */
export function logScale(low: number, high: number, from: number, to: number, base: number, wanted = 9): Scale {
  const least = Math.log(low);
  const most = Math.max(Math.log(high), least + 1e-9);
  const first = Math.ceil(Math.log(low) / Math.log(base) - 1e-9);
  const last = Math.floor(Math.log(high) / Math.log(base) + 1e-9);
  const stride = Math.max(1, Math.ceil((last - first + 1) / wanted));
  const ticks: number[] = [];
  for (let power = first; power <= last; power += stride) ticks.push(base ** power);
  return { at: (value) => from + ((Math.log(value) - least) / (most - least)) * (to - from), ticks };
}

/** 1, 2 or 5 times a power of ten, not below `step`. */
function roundStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step));
  const digit = step / power;
  return power * (digit <= 1.0000001 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
}
