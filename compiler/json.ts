/** Lists and objects in each other that a document may have: real ones have ten or so. */
const DEEPEST = 200;

/**
 * JSON.parse for files from elsewhere. What it gives can be walked and written again without running out of stack, which a document of
 * a hundred thousand brackets can't.
 *
 * @throws SyntaxError also where lists and objects lie too deep in each other
 */
export function parseJson(text: string): unknown {
  const document = JSON.parse(text) as unknown;
  let level: unknown[] = [document];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEEPEST) throw new SyntaxError(`lists and objects lie more than ${DEEPEST} deep in each other`);
    level = level.flatMap((value) =>
      typeof value === "object" && value !== null ? Object.values(value).filter(isContainer) : [],
    );
  }
  return document;
}

function isContainer(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}
