#!/usr/bin/env node
/**
 * Starts the command line: bundle.cjs beside this file, with what V8 compiled of it when it was built (cli/bundle.mjs). Compiling anew takes
 * a third of a short command's time. V8 refuses what another version or other flags have compiled, and compiles then; nothing is written here.
 */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { Script } from "node:vm";

const bundle = fileURLToPath(new URL("bundle.cjs", import.meta.url));
const compiled = `${bundle}.compiled`;
const script = new Script(readFileSync(bundle, "utf8"), {
  filename: bundle,
  ...(existsSync(compiled) && { cachedData: readFileSync(compiled) }),
});
script.runInThisContext()(createRequire(import.meta.url), import.meta.url);
