// Builds the playground into dist/playground: five files for any file server. The compiler, the language service and the recipes of the
// repository are in them; nothing else is loaded.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { recipeNames } from "../site/stage.mjs";
import { iconSvg } from "../vscode/icon.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(dirname(here));

/** Recipes that come along, and the files that a recipe may name and a browser can hold: those recipes, and configurations of models. */
export function examples() {
  const recipes = join(root, "recipes");
  const names = recipeNames(recipes);
  // One that needs no file and has much to look at stands first.
  const first = "gradient-llama3-1m.ctx";
  const ordered = [first, ...names.filter((name) => name !== first)];
  const models = readdirSync(join(recipes, "models")).map((name) => `models/${name}/`);
  const files = models
    .flatMap((folder) => ["config.json", "tokenizer.json"].map((name) => `${folder}${name}`))
    .filter((name) => existsSync(join(recipes, name)));
  return {
    recipes: ordered.map((name) => ({
      name: name.replace(/\.ctx$/, ""),
      // In the playground all recipes lie in one folder.
      text: readFileSync(join(recipes, name), "utf8").replaceAll('"../models/', '"models/'),
    })),
    // Of a tokenizer only that it is there.
    files: Object.fromEntries(
      [...ordered, ...files].map((name) => [
        name,
        name.endsWith("tokenizer.json") ? "{}" : readFileSync(join(recipes, name), "utf8"),
      ]),
    ),
  };
}

/** The words that the editor colours, as the language's definition has them. */
async function vocabulary() {
  const { language } = await import(join(root, "dist", "grammar", "generated", "language.js"));
  const kinds = Object.values(language.blocks).flatMap((block) => Object.keys(block.children));
  return {
    blocks: [...new Set([...Object.keys(language.root.children), ...kinds])],
    functions: Object.values(language.functions).flatMap((set) => Object.keys(set)),
    variables: [...new Set(Object.keys(language.variables).map((path) => path.split(".")[0]))],
  };
}

/** @param {{ site?: boolean }} options `site`: the documentation lies one folder above */
export async function buildPlayground(folder, { site = false } = {}) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const { recipes, files } = examples();
  await build({
    entryPoints: { main: join(here, "main.ts"), worker: join(here, "worker.ts") },
    define: {
      SITE: String(site),
      EXAMPLES: JSON.stringify(recipes),
      EXAMPLE_FILES: JSON.stringify(files),
      VOCABULARY: JSON.stringify(await vocabulary()),
    },
    ...{ absWorkingDir: root, outdir: folder, bundle: true, minify: true, format: "iife", platform: "browser" },
    ...{ target: "es2022", charset: "utf8", legalComments: "none", logLevel: "warning" },
  });
  const page = readFileSync(join(here, "index.html"), "utf8");
  const link = site ? '<a href="../index.html">Documentation</a>' : "";
  writeFileSync(join(folder, "index.html"), page.replace("<!-- documentation -->", link));
  const { panelStyle } = await panel(folder);
  writeFileSync(join(folder, "style.css"), panelStyle + readFileSync(join(here, "style.css"), "utf8"));
  writeFileSync(join(folder, "icon.svg"), iconSvg("light"));
}

async function panel(folder) {
  const outfile = join(folder, "style.mjs");
  await build({ entryPoints: [join(root, "editor/panel/style.ts")], bundle: true, format: "esm", outfile });
  const module = await import(`${pathToFileURL(outfile)}?${Date.now()}`);
  rmSync(outfile);
  return module;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const folder = join(root, "dist", "playground");
  await buildPlayground(folder);
  const sizes = readdirSync(folder).map((name) => `${name} ${Math.ceil(statSync(join(folder, name)).size / 1024)} KiB`);
  console.log(`dist/playground: ${sizes.join(", ")}`);
}
