/**
 * The alphabet of byte-level BPE (GPT-2, Radford et al. 2019): each of the 256 bytes is written as one printable character, so
 * that a vocabulary of arbitrary bytes can stand in JSON. Printable Latin-1 bytes stand for themselves; the others take
 * the code points from U+0100 on, in byte order.
 */

function standsForItself(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
}

/** [256] byte → character. */
export const BYTE_TO_CHARACTER: readonly string[] = (() => {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(standsForItself(byte) ? byte : next++));
})();

/** The 256 characters in ascending code-point order: the order in which byte tokens get their ids. */
export const ALPHABET: readonly string[] = [...BYTE_TO_CHARACTER].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);

/** [256] byte → index into `ALPHABET`. */
export const BYTE_TO_INDEX: Uint16Array = Uint16Array.from(BYTE_TO_CHARACTER, (c) => ALPHABET.indexOf(c));
