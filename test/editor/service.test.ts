import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { answered } from "./fixture.ts";

const folder = join(dirname(fileURLToPath(import.meta.url)), "recipes");

/** `UPDATE=1 npx vitest run test/editor/service.test.ts` writes what comes out into the fixtures; read the difference. */
const update = Boolean(process.env.UPDATE);

test.each(readdirSync(folder).filter((name) => name.endsWith(".ctx")))("%s", (name) => {
  const path = join(folder, name);
  const fixture = readFileSync(path, "utf8");
  const text = answered(fixture);
  if (update) writeFileSync(path, text);
  expect(text).toBe(readFileSync(path, "utf8"));
});
