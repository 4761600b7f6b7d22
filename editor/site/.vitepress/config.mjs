import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitepress";
import { panelStyle } from "../../panel/style.ts";
import { recipeNames } from "../stage.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");
/** Where build.mjs has gathered the pages. */
const source = process.env.CTX_SITE_SOURCE;
const grammar = JSON.parse(readFileSync(join(root, "grammar/generated/ctx.tmLanguage.json"), "utf8"));

/** Pages in the order in which one reads them; those that are not named here come behind them. */
const ORDER = [
  "tutorial",
  "how-it-works",
  "clusters",
  "gpu",
  "ci",
  "editor",
  "vscode",
  "playground",
  "library",
  "reference",
];

const titleOf = (page) => /^#\s+(.*)$/m.exec(readFileSync(join(source, page), "utf8"))?.[1].replaceAll("`", "") ?? page;
const item = (page) => ({
  text: titleOf(page),
  link: `/${page.replace(/(^|\/)README\.md$/, "$1").replace(/\.md$/, "")}`,
});

function guide() {
  const names = readdirSync(source)
    .filter((name) => name.endsWith(".md") && name !== "README.md")
    .map((name) => name.slice(0, -3));
  const place = (name) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
  return names.sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1)).map((name) => item(`${name}.md`));
}

const folder = (name) =>
  readdirSync(join(source, name))
    .filter((file) => file.endsWith(".md") && file !== "README.md")
    .map((file) => item(`${name}/${file}`));

/** A fold for each thousand of codes, named as the folder's own table names it. */
function errors() {
  const table = readFileSync(join(source, "errors/README.md"), "utf8");
  return [...table.matchAll(/^\| \[CTX(\d)xxx\][^|]*\| ([^|]*?) \|$/gm)].map(([, digit, about]) => ({
    ...{ text: `CTX${digit}xxx: ${about}`, collapsed: true },
    items: readdirSync(join(source, "errors"))
      .filter((file) => file.startsWith(`CTX${digit}`))
      .map((file) => item(`errors/${file}`)),
  }));
}

function recipes() {
  const names = recipeNames(join(root, "recipes"));
  const entry = (name) => ({ text: name.replace(/^.*\/|\.ctx$/g, ""), link: `/recipes/${name.replace(/\.ctx$/, "")}` });
  return [
    ...names.filter((name) => !name.includes("/")).map(entry),
    { text: "published", items: names.filter((name) => name.startsWith("published/")).map(entry) },
  ];
}

/**
 * Where a link of a page leads on the site; null for what lies in the repository alone, such as source code. Pages link to each other
 * and to recipes as files, so that they can be read on GitHub too.
 */
function onSite(link, page) {
  if (/^(?:[a-z]+:|#|\/)/.test(link)) return link;
  const [path, anchor] = link.split("#");
  // As the repository lies: pages under docs/, but for recipes/.
  const from = page.startsWith("recipes/") ? page : `docs/${page}`;
  const target = posix.join(posix.dirname(from), path);
  const hash = anchor === undefined ? "" : `#${anchor}`;
  if (target === "README.md" || target === "docs") return `/${hash}`;
  if (target.startsWith("recipes") && existsSync(join(root, target)) && /\.(?:ctx|md)$|^[^.]*$/.test(target))
    return `/${target.replace(/(^|\/)README\.md$/, "$1").replace(/\.(?:ctx|md)$/, "")}${/^recipes\/?$/.test(target) ? "/" : ""}${hash}`;
  return target.startsWith("docs/")
    ? `/${target.slice("docs/".length).replace(/(^|\/)README\.md$/, "$1")}${hash}`
    : null;
}

/** Rewrites links; what is not on the site keeps its words. */
function siteLinks(md) {
  md.core.ruler.push("site_links", ({ tokens, env }) => {
    for (const { children } of tokens) {
      let dropped = false;
      for (const token of children ?? []) {
        if (token.type === "link_open") {
          const link = onSite(token.attrGet("href"), env.relativePath);
          dropped = link === null;
          if (!dropped) token.attrSet("href", link);
          else
            Object.assign(token, {
              type: "span_open",
              tag: "span",
              attrs: [
                ["class", "in-repository"],
                ["title", "in the repository"],
              ],
            });
        } else if (token.type === "link_close" && dropped) {
          Object.assign(token, { type: "span_close", tag: "span" });
          dropped = false;
        }
      }
    }
  });
}

export default defineConfig({
  title: "ctx",
  description: "A language and a compiler for context extension of language models",
  lang: "en",
  srcDir: source,
  cacheDir: join(root, "dist", "site-cache"),
  cleanUrls: false,
  rewrites: (page) => page.replace(/(^|\/)README\.md$/, "$1index.md"),
  head: [["link", { rel: "icon", href: "/icon.svg" }]],
  markdown: {
    languages: [{ ...grammar, name: "ctx" }],
    theme: { light: "github-light-high-contrast", dark: "github-dark" },
    config: siteLinks,
  },
  vite: {
    // The panel's style sheet, which is a text of a module.
    plugins: [
      {
        name: "panel-style",
        resolveId: (id) => (id === "virtual:panel.css" ? "\0virtual:panel.css" : undefined),
        load: (id) => (id === "\0virtual:panel.css" ? panelStyle : undefined),
      },
    ],
    build: { chunkSizeWarningLimit: 4096 },
  },
  themeConfig: {
    logo: { light: "/icon.svg", dark: "/icon-dark.svg", alt: "" },
    nav: [
      { text: "Tutorial", link: "/tutorial" },
      { text: "Reference", link: "/reference" },
      { text: "Recipes", link: "/recipes/", activeMatch: "^/recipes/" },
      { text: "Diagnostics", link: "/errors/", activeMatch: "^/errors/" },
      { text: "Playground", link: "/playground/index.html", target: "_self" },
      {
        text: "More",
        items: [
          { text: "Benchmarks", link: "/benchmarks/", activeMatch: "^/benchmarks/" },
          { text: "Library", link: "/api/index.html", target: "_self" },
        ],
      },
    ],
    sidebar: {
      "/errors/": [{ text: "Diagnostics", link: "/errors/", items: errors() }],
      "/benchmarks/": [{ text: "Benchmarks", link: "/benchmarks/", items: folder("benchmarks") }],
      "/recipes/": [{ text: "Recipes", link: "/recipes/", items: recipes() }],
      "/": [{ text: "Documentation", link: "/", items: guide() }],
    },
    outline: { level: [2, 3] },
    search: {
      provider: "local",
      options: {
        // Pictures of plans are no text to look for, and colours are none.
        _render: (text, env, md) =>
          md.render(text.replace(/<!-- plan -->[\s\S]*?<!-- \/plan -->/g, "").replace(/^```\w.*$/gm, "```txt"), env),
      },
    },
  },
});
