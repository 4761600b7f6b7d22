// Looks at a built site as a browser would find it: every link inside it must lead to a page and an anchor that are there, and nothing
// may be loaded from elsewhere.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, posix } from "node:path";

/** Attributes whose targets a browser loads by itself. `a` is followed by people only. */
const LOADED = new Set(["script src", "img src", "link href", "iframe src", "source src", "video src", "audio src"]);

/**
 * @param {string} folder the built site
 * @returns {{ pages: number, links: number, faults: string[] }}
 */
export function checkLinks(folder) {
  const pages = readdirSync(folder, { recursive: true })
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => name.endsWith(".html"));
  const anchors = new Map();
  const anchorsOf = (page) => {
    if (!anchors.has(page)) {
      const html = readFileSync(join(folder, page), "utf8");
      anchors.set(page, new Set([...html.matchAll(/\s(?:id|name)="([^"]*)"/g)].map(([, id]) => decoded(id))));
    }
    return anchors.get(page);
  };
  const faults = [];
  let links = 0;
  for (const page of pages) {
    const html = readFileSync(join(folder, page), "utf8").replace(/<pre[\s\S]*?<\/pre>/g, "");
    for (const [, element, attribute, value] of html.matchAll(/<([a-z]+)\b[^>]*?\s(href|src)="([^"]*)"/g)) {
      const target = decoded(value);
      const loaded = LOADED.has(`${element} ${attribute}`);
      if (/^[a-z][a-z0-9+.-]*:|^\/\//i.test(target)) {
        if (loaded && !target.startsWith("data:")) faults.push(`${page} loads ${target}`);
        continue;
      }
      links++;
      const fault = faultOf(folder, page, target, anchorsOf);
      if (fault) faults.push(`${page} → ${target}: ${fault}`);
    }
  }
  for (const name of readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(".css"))) {
    const css = readFileSync(join(folder, name), "utf8");
    for (const [, url] of css.matchAll(/(?:url\(|@import\s+)["']?((?:https?:)?\/\/[^"')]+)/g))
      faults.push(`${name} loads ${url}`);
  }
  return { pages: pages.length, links, faults: [...new Set(faults)] };
}

/** null where the target is there. */
function faultOf(folder, page, target, anchorsOf) {
  const [path, anchor] = target.split("#");
  const [plain] = path.split("?");
  const wanted =
    plain === ""
      ? page
      : posix.normalize(plain.startsWith("/") ? plain.slice(1) : posix.join(posix.dirname(page), plain));
  if (wanted.startsWith("..")) return "leaves the site";
  const candidates = [wanted, `${wanted}.html`, posix.join(wanted, "index.html")];
  const file = candidates.find((name) => existsSync(join(folder, name)) && statSync(join(folder, name)).isFile());
  if (file === undefined) return "no such page";
  // A recipe for the playground is no place in its page.
  if (anchor?.startsWith("r=") && file === "playground/index.html") return null;
  if (anchor && file.endsWith(".html") && !anchorsOf(file).has(decodeURIComponent(anchor))) return "no such anchor";
  return null;
}

function decoded(value) {
  return value
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");
}
