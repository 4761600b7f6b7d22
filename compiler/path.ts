/** Paths as recipes write them: `/` between names, `..` allowed, no platform differences. */

/** True for `/x` and `C:/x`. */
export function isAbsolute(path: string): boolean {
  return path.startsWith("/") || /^[A-Za-z]:[\\/]/.test(path);
}

/** Folder of a file: "recipes/a.ctx" → "recipes", "a.ctx" → ".". */
export function folderOf(file: string): string {
  const slash = file.replaceAll("\\", "/").lastIndexOf("/");
  return slash < 0 ? "." : file.slice(0, Math.max(slash, 1));
}

/** `path` as seen from `folder`, with `.` and `..` resolved as far as they can be. */
export function joinPath(folder: string, path: string): string {
  const joined = isAbsolute(path) || folder === "." ? path : `${folder}/${path}`;
  const parts: string[] = [];
  for (const part of joined.replaceAll("\\", "/").split("/")) {
    if (part === "." || (part === "" && parts.length > 0)) continue;
    if (part === ".." && parts.length > 0 && parts[parts.length - 1] !== ".." && parts[parts.length - 1] !== "") {
      parts.pop();
    } else parts.push(part);
  }
  return parts.join("/") || ".";
}
