// Keeps what V8 compiles of the bundled command line while it carries out the commands that must be quick: bundle.cjs.compiled,
// which the next start (cli/ctx.ts) need not compile. Called by cli/bundle.mjs with the bundle's path and a recipe's.
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { Script } from "node:vm";

const [bundle, recipe] = process.argv.slice(2);
const script = new Script(readFileSync(bundle, "utf8"), { filename: bundle });
const commands = [
  ["check", recipe],
  ["plan", recipe],
  ["fmt", "--check", recipe],
];
const next = () => {
  const words = commands.shift();
  if (words === undefined) return;
  process.argv.splice(1, Number.POSITIVE_INFINITY, bundle, ...words);
  script.runInThisContext()(createRequire(bundle), pathToFileURL(bundle).href);
};
process.on("beforeExit", next);
process.on("exit", () => {
  writeFileSync(`${bundle}.part`, script.createCachedData());
  renameSync(`${bundle}.part`, `${bundle}.compiled`);
});
next();
