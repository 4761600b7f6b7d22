import { basename, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** The name under which the compiler knows a document: a path with `/`; a document that is no file lies in the folder `home`. */
export function fileOf(uri: string, home: string): string {
  try {
    if (uri.startsWith("file:")) return fileURLToPath(uri).replaceAll("\\", "/");
  } catch {
    // A file of another machine, or no address at all.
  }
  const name = basename(uri.replace(/[?#].*$/, "").replace(/^[a-z][\w+.-]*:/i, "")) || "recipe";
  return join(home, name).replaceAll("\\", "/");
}

export function uriOf(file: string): string {
  return pathToFileURL(resolve(file)).href;
}
