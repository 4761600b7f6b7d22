/** The site in a real browser, as `npm run build:site` left it, handed out by a plain file server. CI builds it before the tests. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Shown, show, whyNot } from "../browser.ts";

const folder = join(process.cwd(), "dist", "site");
const missing = whyNot ?? (existsSync(join(folder, "playground", "main.js")) ? null : "no dist/site here");
if (missing) console.warn(`${missing}: the site is not tried in a browser`);

describe.runIf(!missing)("the site", () => {
  let shown: Shown;
  beforeAll(async () => {
    shown = await show(folder);
  });
  afterAll(() => shown?.end());

  /** Asks the search box, which a button opens at every width; what it finds comes after a moment. */
  async function find(page: Page, words: string, wanted: RegExp): Promise<void> {
    if ((await page.locator(".search-input").count()) === 0)
      await page.locator(".VPNavBarSearch button").first().click();
    await page.locator(".search-input").fill(words);
    await page.locator(".VPLocalSearchBox .result").first().filter({ hasText: wanted }).waitFor();
  }

  test("the search finds words of the language, codes and pages, and leads there", () =>
    shown.inPage("", async (page) => {
      await find(page, "critical_base", /Language reference.*critical_base/);
      await find(page, "zigzag ring", /Attention over a ring/);
      await find(page, "CTX7001", /CTX7001: length/);
      await page.keyboard.press("Enter");
      await page.waitForURL(/\/errors\/CTX7001\.html/);
      await page.locator("h1").filter({ hasText: "CTX7001" }).waitFor();
    }));

  test("the bar above has room for all that is in it", () =>
    shown.inPage(
      "",
      async (page) => {
        for (const width of [970, 1279]) {
          await page.setViewportSize({ width, height: 800 });
          const last = (await page.locator(".VPNavBarExtra button").first().boundingBox())!;
          expect(last.x + last.width).toBeLessThanOrEqual(width);
        }
      },
      970,
    ));

  test.each([1280, 390])("recipes wrap instead of scrolling sideways, and the search opens, %d pixels wide", (width) =>
    shown.inPage(
      "",
      async (page) => {
        const wide = await page
          .locator(".language-ctx pre")
          .evaluateAll((all) => all.map(({ clientWidth, scrollWidth }) => scrollWidth - clientWidth));
        expect(wide).toEqual([0]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
        // What is copied is the recipe as it is written.
        const { text } = await page.locator(".language-ctx code").evaluate((code) => ({ text: code.textContent }));
        expect(text).toContain('model { from = "meta-llama/Meta-Llama-3-8B-Instruct" }\ndata');
        await find(page, "offload", /offload/);
      },
      width,
    ),
  );

  test("a recipe opens in the playground, and a code leads from there to its page", () =>
    shown.inPage("recipes/quickstart.html", async (page) => {
      await page.getByRole("link", { name: "open in the playground" }).click();
      await page.locator(".ctx-plan h1").filter({ hasText: "quickstart" }).waitFor();
      expect(await page.locator("#examples").inputValue()).toBe("quickstart");
      await page.locator(".cm-content").click();
      await page.keyboard.press("Control+End");
      await page.keyboard.insertText("\nnothing = 1");
      await page.getByRole("link", { name: "what it means" }).first().click();
      await page.waitForURL(/\/errors\/CTX\d{4}\.html/);
      expect(await page.locator("h1").textContent()).toMatch(/^CTX\d{4}/);
    }));
});
