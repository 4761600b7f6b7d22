import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

/** Colours text that goes to `stream`: only on a terminal, and as NO_COLOR and FORCE_COLOR wish. */
export function paint(style: Style, text: string, stream: NodeJS.WritableStream = process.stderr): string {
  return styleText(style, text, { stream });
}
