import { styleText } from "node:util";

/** One style. */
type Style = Exclude<Parameters<typeof styleText>[0], readonly unknown[]>;

/** Colours text that goes to `stream`, where it wants colours. */
export function paint(style: Style, text: string, stream: NodeJS.WritableStream = process.stderr): string {
  return wantsColor(stream) ? styleText(style, text, { validateStream: false }) : text;
}

/** As NO_COLOR (no-color.org), FORCE_COLOR and the terminal wish. */
export function wantsColor(stream: NodeJS.WritableStream & { readonly isTTY?: boolean }): boolean {
  if (process.env.NO_COLOR) return false;
  if (process.env.FORCE_COLOR) return process.env.FORCE_COLOR !== "0";
  return stream.isTTY === true && process.env.TERM !== "dumb";
}
