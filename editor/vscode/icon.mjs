// The extension's icon, drawn twice from one list of arcs: pairs of dimensions that turn, the slower the further out.
import { deflateSync } from "node:zlib";
import { crc32 } from "./crc32.mjs";

const SIZE = 128;
const MIDDLE = SIZE / 2;
const WIDTH = 10;
const PAPER = { colour: [0x16, 0x19, 0x1d], corner: 26 };

/** Arcs from the top, clockwise: radius, share of a turn, colours on a dark and on a light ground. */
const ARCS = [
  { radius: 15, turn: 1, dark: "#43c59e", light: "#00805f" },
  { radius: 31, turn: 0.7, dark: "#6cb2de", light: "#1f628e" },
  { radius: 47, turn: 0.35, dark: "#ee8a55", light: "#c2571a" },
];

/** The icon of `.ctx` files in an editor's list: the arcs alone. */
export function iconSvg(ground) {
  const arcs = ARCS.map(({ radius, turn, [ground]: colour }) => {
    const round = `fill="none" stroke="${colour}" stroke-width="${WIDTH}" stroke-linecap="round"`;
    if (turn === 1) return `<circle cx="${MIDDLE}" cy="${MIDDLE}" r="${radius}" ${round}/>`;
    const [x, y] = onArc(radius, turn).map((value) => value.toFixed(2));
    return `<path d="M${MIDDLE} ${MIDDLE - radius}A${radius} ${radius} 0 ${turn > 0.5 ? 1 : 0} 1 ${x} ${y}" ${round}/>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIZE} ${SIZE}">${arcs.join("")}</svg>\n`;
}

/** The extension's own icon: the arcs on dark paper, 128 × 128 pixels, sixteen samples each. */
export function iconPng() {
  const rows = [];
  for (let y = 0; y < SIZE; y++) {
    const row = Buffer.alloc(1 + 4 * SIZE); // filter 0: bytes as they are
    for (let x = 0; x < SIZE; x++) row.set(pixel(x, y), 1 + 4 * x);
    rows.push(row);
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(SIZE, 0);
  header.writeUInt32BE(SIZE, 4);
  header.set([8, 6], 8); // eight bits each of red, green, blue and alpha
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(Buffer.concat(rows), { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function pixel(x, y) {
  const sum = [0, 0, 0, 0];
  const grid = [0.125, 0.375, 0.625, 0.875];
  for (const dy of grid) {
    for (const dx of grid) {
      const colour = colourAt(x + dx, y + dy);
      if (colour) for (const [k, part] of [...colour, 1].entries()) sum[k] += part;
    }
  }
  const covered = sum[3];
  return [...sum.slice(0, 3).map((part) => Math.round(part / Math.max(1, covered))), Math.round((covered * 255) / 16)];
}

function colourAt(x, y) {
  for (const { radius, turn, dark } of ARCS) if (distanceToArc(x, y, radius, turn) <= WIDTH / 2) return bytesOf(dark);
  // A square with round corners.
  const { corner, colour } = PAPER;
  const [dx, dy] = [x, y].map((value) => Math.max(0, Math.abs(value - MIDDLE) - (MIDDLE - corner)));
  return Math.hypot(dx, dy) <= corner ? colour : null;
}

function distanceToArc(x, y, radius, turn) {
  const angle = Math.atan2(x - MIDDLE, MIDDLE - y) / (2 * Math.PI);
  if ((angle + 1) % 1 <= turn) return Math.abs(Math.hypot(x - MIDDLE, y - MIDDLE) - radius);
  return Math.min(...[0, turn].map((end) => Math.hypot(x - onArc(radius, end)[0], y - onArc(radius, end)[1])));
}

function onArc(radius, turn) {
  const angle = 2 * Math.PI * turn;
  return [MIDDLE + radius * Math.sin(angle), MIDDLE - radius * Math.cos(angle)];
}

function bytesOf(colour) {
  return [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(data.length, 0);
  ends.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
}
