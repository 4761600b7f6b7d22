/**
 * Columns that a terminal gives to text (Unicode 15, UAX 11): 2 for East Asian wide and emoji, 0 for combining marks and
 * other zero-width code points, 1 for the rest. Tabs are not handled here, see `expandTabs`.
 */
export function columns(text: string): number {
  let width = 0;
  for (const character of text) width += columnsOf(character.codePointAt(0) ?? 0);
  return width;
}

/** Tabs become spaces up to the next multiple of `stop` columns. */
export function expandTabs(text: string, stop = 4): string {
  let out = "";
  let column = 0;
  for (const character of text) {
    if (character === "\t") {
      const spaces = stop - (column % stop);
      out += " ".repeat(spaces);
      column += spaces;
    } else {
      out += character;
      column += columnsOf(character.codePointAt(0) ?? 0);
    }
  }
  return out;
}

const zeroWidth = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
const emoji = /^\p{Emoji_Presentation}$/u;

function columnsOf(code: number): number {
  if (code < 0x300) return code < 32 || (code >= 0x7f && code < 0xa0) ? 0 : 1;
  const character = String.fromCodePoint(code);
  if (zeroWidth.test(character)) return 0;
  return isWide(code) || emoji.test(character) ? 2 : 1;
}

/** Blocks whose code points are all East Asian wide or fullwidth. */
function isWide(code: number): boolean {
  return (
    (code >= 0x1100 && code <= 0x115f) || // Hangul Jamo
    (code >= 0x2e80 && code <= 0xa4cf && code !== 0x303f) || // CJK radicals to Yi
    (code >= 0xa960 && code <= 0xa97f) || // Hangul Jamo Extended-A
    (code >= 0xac00 && code <= 0xd7a3) || // Hangul syllables
    (code >= 0xf900 && code <= 0xfaff) || // CJK compatibility ideographs
    (code >= 0xfe30 && code <= 0xfe6f) || // CJK compatibility forms
    (code >= 0xff00 && code <= 0xff60) || // fullwidth forms
    (code >= 0xffe0 && code <= 0xffe6) ||
    (code >= 0x20000 && code <= 0x3fffd)
  );
}
