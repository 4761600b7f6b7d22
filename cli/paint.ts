import { styleText } from "node:util";

/** One style: in Node 20, styleText asks the stream about colours only when it is not given a list. */
type Style = Exclude<Parameters<typeof styleText>[0], readonly unknown[]>;

/** Colours text that goes to `stream`: only on a terminal, and as NO_COLOR and FORCE_COLOR wish. */
export function paint(style: Style, text: string, stream: NodeJS.WritableStream = process.stderr): string {
  return styleText(style, text, { stream });
}
