/** Recipes in addresses: UTF-8, deflated (RFC 1951), in the base64 of addresses (RFC 4648, section 5), behind `#r=`. */

const KEY = "#r=";

/** Longest recipe that is taken from an address, in bytes: what a few hundred letters inflate to must not fill the memory. */
const LONGEST = 2 ** 20;

/** The part of an address behind which a recipe is found. */
export async function hashOf(text: string): Promise<string> {
  const bytes = await all(new Blob([text]).stream().pipeThrough(new CompressionStream("deflate-raw")));
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return KEY + btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/**
 * The recipe of an address; null where there is none.
 *
 * @throws Error where there is one that can't be read
 */
export async function textOf(hash: string): Promise<string | null> {
  if (!hash.startsWith(KEY)) return null;
  const coded = hash.slice(KEY.length);
  if (!/^[\w-]*$/.test(coded)) throw new Error("the address holds letters that none of ours has");
  const bytes = Uint8Array.from(atob(coded.replaceAll("-", "+").replaceAll("_", "/")), (letter) =>
    letter.charCodeAt(0),
  );
  const inflated = await all(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw")));
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(inflated);
}

async function all(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = stream.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    length += next.value.length;
    if (length > LONGEST) {
      await reader.cancel();
      throw new Error(`the recipe is longer than ${LONGEST} bytes`);
    }
    parts.push(next.value);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
