// Builds the documentation as a site into dist/site: the pages of docs/ by VitePress, the library's reference by TypeDoc, and the
// playground. Fails on a link that leads nowhere.
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vitepress";
import { buildPlayground } from "../playground/build.mjs";
import { iconSvg } from "../vscode/icon.mjs";
import { checkLinks } from "./links.mjs";
import { stageSite } from "./stage.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(dirname(here));
const stage = join(root, "dist", "site-source");
const out = join(root, "dist", "site");

await stageSite(root, stage);
writeFileSync(join(stage, "public", "icon.svg"), iconSvg("light"));
writeFileSync(join(stage, "public", "icon-dark.svg"), iconSvg("dark"));
process.env.CTX_SITE_SOURCE = stage;
rmSync(out, { recursive: true, force: true });
await build(here, { outDir: out });

const typedoc = join(dirname(createRequire(import.meta.url).resolve("typedoc/package.json")), "bin", "typedoc");
const { status } = spawnSync(process.execPath, [typedoc, "--out", join(out, "api"), "--logLevel", "Warn"], {
  cwd: root,
  stdio: "inherit",
});
if (status !== 0) process.exit(1);
await buildPlayground(join(out, "playground"), { site: true });
rmSync(stage, { recursive: true });

const { pages, links, faults } = checkLinks(out);
for (const fault of faults) console.error(fault);
console.log(`dist/site: ${pages} pages, ${links} links, ${faults.length} of them wrong`);
process.exit(faults.length === 0 ? 0 : 1);
