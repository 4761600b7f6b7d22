// Bundles the extension into dist/vscode, a folder that VS Code can load as it is (`code --extensionDevelopmentPath=dist/vscode`), and
// packs that into dist/ctx-recipe-VERSION.vsix: a ZIP archive with a manifest of its own. Needs nothing but what is installed.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { iconPng, iconSvg } from "./icon.mjs";
import { zip } from "./zip.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(dirname(here));

/** What the archive says of its licence; its text is where this leads. */
const LICENSE = `ctx is licensed under the Apache License, version 2.0 (SPDX-License-Identifier: Apache-2.0).
The licence's text: https://www.apache.org/licenses/LICENSE-2.0
`;

/** Everything of the extension in `folder`, which is emptied first. */
export async function bundleExtension(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const common = {
    ...{ absWorkingDir: root, bundle: true, platform: "node", target: "node20", logLevel: "warning" },
    ...{ minifyWhitespace: true, minifySyntax: true, legalComments: "none" },
  };
  await Promise.all([
    build({
      ...{ ...common, format: "cjs", external: ["vscode"] },
      ...{ entryPoints: [join(here, "extension.ts")], outfile: join(folder, "extension.cjs") },
    }),
    build({
      ...{ ...common, format: "esm", splitting: true, chunkNames: "chunks/[name]-[hash]" },
      ...{ entryPoints: { program: join(root, "cli/without_engine.ts") } },
      ...{ outdir: folder, outExtension: { ".js": ".mjs" } },
      // Loaded by commands alone that the extension does not have.
      external: ["tokenizers", "@duckdb/node-api", "ts-morph", "typescript"],
      banner: {
        js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
      },
    }),
  ]);
  const manifest = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
  const files = {
    "package.json": `${JSON.stringify(manifest, null, 2)}\n`,
    "README.md": readFileSync(join(here, "README.md")),
    "CHANGELOG.md": readFileSync(join(here, "CHANGELOG.md")),
    // Every file of the archive has an ending, by which its type is known.
    "LICENSE.txt": LICENSE,
    "language-configuration.json": readFileSync(join(here, "language-configuration.json")),
    "snippets.json": readFileSync(join(here, "snippets.json")),
    "panel.js": readFileSync(join(here, "webview", "panel.js")),
    "ctx.tmLanguage.json": readFileSync(join(root, "grammar", "generated", "ctx.tmLanguage.json")),
    "icon.png": iconPng(),
    "icon-light.svg": iconSvg("light"),
    "icon-dark.svg": iconSvg("dark"),
  };
  for (const [name, contents] of Object.entries(files)) writeFileSync(join(folder, name), contents);
  // The pages that codes of diagnostics lead to.
  cpSync(join(root, "docs", "errors"), join(folder, "docs", "errors"), { recursive: true });
  return manifest;
}

/** The bytes of a .vsix with all files of `folder`. */
export function packExtension(folder, manifest) {
  const names = readdirSync(folder, { recursive: true })
    .filter((name) => statSync(join(folder, name)).isFile())
    .map((name) => name.replaceAll("\\", "/"))
    .sort();
  return zip([
    ["extension.vsixmanifest", Buffer.from(vsixManifest(manifest))],
    ["[Content_Types].xml", Buffer.from(contentTypes(names))],
    ...names.map((name) => [`extension/${name}`, readFileSync(join(folder, name))]),
  ]);
}

function vsixManifest(manifest) {
  const text = (value) =>
    String(value).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
  const { languages } = manifest.contributes;
  const tags = [
    ...manifest.keywords,
    ...languages.flatMap(({ id, extensions }) => [id, ...extensions.map((name) => `__ext_${name.slice(1)}`)]),
  ];
  const property = (id, value) => `      <Property Id="Microsoft.VisualStudio.${id}" Value="${text(value)}" />`;
  return `<?xml version="1.0" encoding="utf-8"?>
<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011" xmlns:d="http://schemas.microsoft.com/developer/vsx-schema-design/2011">
  <Metadata>
    <Identity Language="en-US" Id="${text(manifest.name)}" Version="${text(manifest.version)}" Publisher="${text(manifest.publisher)}" />
    <DisplayName>${text(manifest.displayName)}</DisplayName>
    <Description xml:space="preserve">${text(manifest.description)}</Description>
    <Tags>${text([...new Set(tags)].join(","))}</Tags>
    <Categories>${text(manifest.categories.join(","))}</Categories>
    <GalleryFlags>Public</GalleryFlags>
    <Properties>
${[
  property("Code.Engine", manifest.engines.vscode),
  property("Code.ExtensionDependencies", ""),
  property("Code.ExtensionPack", ""),
  property("Code.ExtensionKind", manifest.extensionKind.join(",")),
  property("Code.LocalizedLanguages", ""),
  property("Code.EnabledApiProposals", ""),
  property("Code.ExecutesCode", "true"),
  property("Services.GitHubFlavoredMarkdown", "true"),
  property("Services.Content.Pricing", "Free"),
  property("Services.Branding.Color", manifest.galleryBanner.color),
  property("Services.Branding.Theme", manifest.galleryBanner.theme),
].join("\n")}
    </Properties>
    <License>extension/LICENSE.txt</License>
    <Icon>extension/icon.png</Icon>
  </Metadata>
  <Installation>
    <InstallationTarget Id="Microsoft.VisualStudio.Code" />
  </Installation>
  <Dependencies />
  <Assets>
    <Asset Type="Microsoft.VisualStudio.Code.Manifest" Path="extension/package.json" Addressable="true" />
    <Asset Type="Microsoft.VisualStudio.Services.Content.Details" Path="extension/README.md" Addressable="true" />
    <Asset Type="Microsoft.VisualStudio.Services.Content.Changelog" Path="extension/CHANGELOG.md" Addressable="true" />
    <Asset Type="Microsoft.VisualStudio.Services.Content.License" Path="extension/LICENSE.txt" Addressable="true" />
    <Asset Type="Microsoft.VisualStudio.Services.Icons.Default" Path="extension/icon.png" Addressable="true" />
  </Assets>
</PackageManifest>
`;
}

function contentTypes(names) {
  const types = {
    ...{ ".json": "application/json", ".md": "text/markdown", ".png": "image/png", ".svg": "image/svg+xml" },
    ...{ ".js": "application/javascript", ".cjs": "application/javascript", ".mjs": "application/javascript" },
    ".txt": "text/plain",
    ".vsixmanifest": "text/xml",
  };
  const endings = new Set([".vsixmanifest", ...names.map((name) => name.slice(name.lastIndexOf(".")))]);
  const entries = [...endings].sort().map((ending) => {
    if (!types[ending]) throw new Error(`package.mjs knows no content type of ${ending}`);
    return `<Default Extension="${ending}" ContentType="${types[ending]}"/>`;
  });
  return `<?xml version="1.0" encoding="utf-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">${entries.join("")}</Types>
`;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const folder = join(root, "dist", "vscode");
  const manifest = await bundleExtension(folder);
  const file = join(root, "dist", `${manifest.name}-${manifest.version}.vsix`);
  const bytes = packExtension(folder, manifest);
  writeFileSync(file, bytes);
  console.log(`${file}: ${Math.ceil(bytes.length / 1024)} KiB`);
}
