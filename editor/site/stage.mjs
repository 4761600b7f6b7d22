// Gathers what the site is made of in one folder: the pages of docs/ as they are, and a page for every recipe, made from its text and
// its plan. docs/ itself stays free of anything that GitHub would show strangely.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { build } from "esbuild";

/** @param {string} root the package's folder @param {string} stage the folder to fill */
export async function stageSite(root, stage) {
  rmSync(stage, { recursive: true, force: true });
  const docs = join(root, "docs");
  cpSync(docs, stage, { recursive: true, filter: (file) => !/\.json$/.test(file) });
  // Plain files, which the site hands out as they are.
  mkdirSync(join(stage, "public"), { recursive: true });
  for (const file of readdirSync(docs).filter((name) => name.endsWith(".json")))
    cpSync(join(docs, file), join(stage, "public", file));
  const { renderPlan } = await panel(root, stage);
  const [{ compile }, { nodeHost }] = await Promise.all(
    ["compiler/index.js", "cli/host.js"].map((file) => import(join(root, "dist", file))),
  );
  const recipes = join(root, "recipes");
  cpSync(join(recipes, "README.md"), join(stage, "recipes", "README.md"));
  for (const name of recipeNames(recipes)) {
    const text = readFileSync(join(recipes, name), "utf8");
    const page = join(stage, "recipes", name.replace(/\.ctx$/, ".md"));
    mkdirSync(dirname(page), { recursive: true });
    const { plan, diagnostics } = compile(text, nodeHost(root), { file: `recipes/${name}` });
    if (!plan) throw new Error(`recipes/${name}: ${diagnostics.map(({ message }) => message).join("; ")}`);
    // Without places: there is no editor that they could lead to.
    writeFileSync(page, recipePage(name, text, renderPlan({ ...plan, trace: {} })));
  }
}

/** Recipes by path in their folder, those of one's own first. */
export function recipeNames(folder) {
  return readdirSync(folder, { recursive: true })
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => name.endsWith(".ctx") && existsSync(join(folder, name)))
    .sort((a, b) => Number(a.includes("/")) - Number(b.includes("/")) || (a < b ? -1 : 1));
}

/** The recipe as it stands in an address of the playground (playground/share.ts), where all recipes lie in one folder. */
function playgroundHash(text) {
  return `#r=${deflateRawSync(text.replaceAll('"../models/', '"models/')).toString("base64url")}`;
}

/** The text, and behind it the picture of the plan, between marks by which the search leaves it out. */
function recipePage(name, text, picture) {
  return `# ${name.replace(/^.*\/|\.ctx$/g, "")}

\`recipes/${name}\` · <a href="/playground/index.html${playgroundHash(text)}" target="_self">open in the playground</a>

\`\`\`ctx
${text.trimEnd()}
\`\`\`

## What it comes to

The plan that \`ctx plan\` makes of it; of recipes that name no hardware, on the machine that built this page.

<!-- plan --><div v-pre class="plan-picture">${picture.replace(/\n+/g, " ")}</div><!-- /plan -->
`;
}

/** The panel's module, which is written in TypeScript. */
async function panel(root, stage) {
  const outfile = join(stage, ".panel.mjs");
  await build({
    entryPoints: [join(root, "editor/panel/index.ts")],
    bundle: true,
    format: "esm",
    outfile,
    logLevel: "warning",
  });
  const module = await import(outfile);
  rmSync(outfile);
  return module;
}
