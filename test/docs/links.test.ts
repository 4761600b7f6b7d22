/** The checker of the site's links, on a site that is made up; the real one is checked when it is built. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { checkLinks } from "../../editor/site/links.mjs";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ctx-site-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function site(files: Record<string, string>) {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return checkLinks(folder);
}

test("links that lead somewhere are fine", () => {
  const found = site({
    "index.html": `<a href="guide/">g</a><a href="/guide/a.html#b%20c">a</a><a href="#top">t</a><b id="top"></b>
      <a href="https://example.org/">elsewhere</a><img src="data:image/png;base64,AA"><link rel="icon" href="/icon.svg">
      <a href="guide/a?x=1">a</a><pre><a href="made-up"></a></pre>`,
    "guide/index.html": `<a href="../index.html">up</a><a href="a">a</a>`,
    "guide/a.html": `<h2 id="b c">b</h2>`,
    "icon.svg": "<svg/>",
  });
  expect(found).toEqual({ pages: 3, links: 7, faults: [] });
});

test("links that lead nowhere are named, and so is what comes from elsewhere", () => {
  const { faults } = site({
    "index.html": `<a href="missing.html">m</a><a href="a.html#nowhere">a</a><a href="../outside.html">o</a>
      <script src="https://cdn.example.org/x.js"></script><link rel="stylesheet" href="//fonts.example.org/f.css">
      <img src="gone.png">`,
    "a.html": `<h2 id="here">h</h2>`,
    "style.css": `@import "https://fonts.example.org/g.css"; a { background: url(http://example.org/b.png) }`,
  });
  expect(faults).toEqual([
    "index.html → missing.html: no such page",
    "index.html → a.html#nowhere: no such anchor",
    "index.html → ../outside.html: leaves the site",
    "index.html loads https://cdn.example.org/x.js",
    "index.html loads //fonts.example.org/f.css",
    "index.html → gone.png: no such page",
    "style.css loads https://fonts.example.org/g.css",
    "style.css loads http://example.org/b.png",
  ]);
});
