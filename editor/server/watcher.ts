import { type FSWatcher, watch } from "node:fs";
import { dirname, resolve } from "node:path";

/** Folders that are watched at most: a session reads from a few. */
const mostWatched = 64;

/** Watches the folders of files itself, for editors that do not. */
export class FolderWatcher {
  readonly #watched = new Map<string, FSWatcher>();

  /** @param changed a file was written, or (`listing`) came or went */
  constructor(readonly changed: (file: string, listing: boolean) => void) {}

  /** Watches the folders of these files, and no others. */
  follow(files: Iterable<string>): void {
    const wanted = new Set([...files].map((file) => dirname(resolve(file))));
    for (const [folder, watcher] of this.#watched) {
      if (wanted.has(folder)) continue;
      watcher.close();
      this.#watched.delete(folder);
    }
    for (const folder of wanted) if (!this.#watched.has(folder) && this.#watched.size < mostWatched) this.#add(folder);
  }

  close(): void {
    this.follow([]);
  }

  #add(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, (event, name) => {
        if (name !== null) this.changed(resolve(folder, name).replaceAll("\\", "/"), event === "rename");
      });
      watcher.on("error", () => {
        watcher.close();
        this.#watched.delete(folder);
      });
      this.#watched.set(folder, watcher);
    } catch {
      // The folder is gone or may not be watched: its files are read again within two seconds of typing.
    }
  }
}
