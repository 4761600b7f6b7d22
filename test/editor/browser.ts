/** Pages in a real browser, handed out by a plain file server on this machine. */
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { chromium, type Page } from "playwright-core";
import { expect } from "vitest";

const program = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);

/** Why no browser can be had here; null where one can. */
export const whyNot = program ? null : "no Chromium here";

const TYPES: { [ending: string]: string } = {
  ...{ ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" },
  ...{ ".png": "image/png", ".json": "application/json" },
};

export interface Shown {
  readonly address: string;
  /** Runs in a fresh page; what it says on its console and asks of other servers are faults. */
  inPage(path: string, use: (page: Page) => Promise<void>, width?: number): Promise<void>;
  end(): Promise<void>;
}

/** Hands out a folder and starts a browser. */
export async function show(folder: string): Promise<Shown> {
  const server = createServer(({ url }, response) => {
    const file = join(folder, new URL(url!, "http://x").pathname.replace(/\/$/, "/index.html"));
    if (!existsSync(file)) return void response.writeHead(404).end();
    response
      .writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" })
      .end(readFileSync(file));
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const browser = await chromium.launch({ executablePath: program!, args: ["--no-sandbox", "--disable-gpu"] });
  return {
    address,
    async inPage(path, use, width = 1200) {
      const page = await browser.newPage({ viewport: { width, height: 900 } });
      page.setDefaultTimeout(60_000);
      const faults: string[] = [];
      page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
      page.on("pageerror", ({ message }) => void faults.push(message));
      page.on("request", (request) => {
        if (!request.url().startsWith(address) && !request.url().startsWith("data:")) faults.push(request.url());
      });
      await page.goto(address + path);
      await use(page);
      expect(faults).toEqual([]);
      await page.close();
    },
    async end() {
      await browser.close();
      server.close();
    },
  };
}
