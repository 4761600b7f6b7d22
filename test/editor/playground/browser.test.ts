/** The playground in a real browser, handed out by a plain file server. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildPlayground } from "../../../editor/playground/build.mjs";
import { hashOf, textOf } from "../../../editor/playground/share.ts";
import { type Shown, show, whyNot } from "../browser.ts";

if (whyNot) console.warn(`${whyNot}: the playground is not tried in a browser`);

/** The whale stands for characters that take two units of UTF-16. */
const BROKEN = [
  "# 🐋🐋 before it all",
  'model { from = "meta-llama/Meta-Llama-3-8B" }',
  'data { source books { files = "🐋🐋/*.jsonl"  texts = "body" } }',
  "rope { theta = critical_base(length) }",
  "stage s64k { length = 64Ki  steps = 30  batch = 32 }",
].join("\n");

const MENDED = BROKEN.replace("texts", "text");
const hashes = { unix: await hashOf(BROKEN), windows: await hashOf(BROKEN.replaceAll("\n", "\r\n")) };

describe.runIf(!whyNot)("the playground", () => {
  const folder = mkdtempSync(join(tmpdir(), "ctx-playground-"));
  let shown: Shown;

  beforeAll(async () => {
    await buildPlayground(folder);
    shown = await show(folder);
  });

  afterAll(async () => {
    await shown?.end();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Runs in a fresh page, once the compiler has looked at its recipe. */
  const inPage = (hash: string, use: (page: Page) => Promise<void>, width?: number) =>
    shown.inPage(
      hash,
      async (page) => {
        await page.locator("#count").filter({ hasNotText: "on its way" }).waitFor();
        await use(page);
      },
      width,
    );

  const marked = (page: Page, severity: string) => page.locator(`.cm-lintRange-${severity}`).allTextContents();
  const sharedText = async (page: Page) => {
    await page.getByRole("button", { name: "Share" }).click();
    await page.locator("#said").filter({ hasText: "address" }).waitFor();
    return textOf(new URL(page.url()).hash);
  };

  test("shows an example with its plan; others can be chosen", () =>
    inPage("", async (page) => {
      expect(await page.locator("#count").textContent()).toMatch(/^No errors(?:, \d+ \w+)*$/);
      expect(await page.locator(".ctx-plan h1").textContent()).toBe("llama3_8b_1m");
      expect(await page.locator(".ctx-plan figure.chart svg").count()).toBe(5);
      expect((await page.locator(".lens").allTextContents()).length).toBeGreaterThan(0);
      const [saved] = await Promise.all([page.waitForEvent("download"), page.keyboard.press("Control+s")]);
      expect(saved.suggestedFilename()).toBe("llama3_8b_1m.ctx");
      expect(readFileSync(await saved.path(), "utf8")).toBe(readFileSync("recipes/gradient-llama3-1m.ctx", "utf8"));
      await page.locator("#examples").selectOption("quickstart");
      await page.locator(".ctx-plan h1").filter({ hasText: "quickstart" }).waitFor();
      // A stage of the plan leads to its line.
      await page.locator(".ctx-plan .stages .place").first().click();
      expect(await page.locator(".cm-activeLine").textContent()).toContain("stage skip");
    }));

  test("a mistake is marked under its letters, told on hover, mended by its fix, and then there is a plan", () =>
    inPage("", async (page) => {
      await page.locator(".cm-content").click();
      await page.keyboard.press("Control+a");
      await page.keyboard.insertText(BROKEN);
      await page.locator(".cm-lintRange-error").waitFor();
      expect(await marked(page, "error")).toEqual(["texts"]);
      // Another recipe: that of the example would say nothing about it.
      expect(await page.locator("#plan").textContent()).toContain("once the recipe has no errors");
      expect(await page.locator("#stale").isVisible()).toBe(false);
      // The mark lies where the letters are drawn.
      const places = await page.evaluate(() => {
        const mark = document.querySelector(".cm-lintRange-error")!;
        const line = mark.closest(".cm-line")!;
        const range = document.createRange();
        range.setStart(line, 0);
        range.setEndBefore(mark);
        return {
          before: range.toString(),
          gap: mark.getBoundingClientRect().left - range.getBoundingClientRect().right,
        };
      });
      expect(places.before).toBe('data { source books { files = "🐋🐋/*.jsonl"  ');
      expect(Math.abs(places.gap)).toBeLessThan(2);
      await page.locator(".cm-lintRange-error").hover();
      const tooltip = page.locator(".cm-tooltip-lint");
      expect(await tooltip.textContent()).toContain("source has no property texts");
      await tooltip.getByRole("button", { name: "text instead of texts" }).click();
      await page.locator(".ctx-plan h1").filter({ hasText: "recipe" }).waitFor();
      expect(await page.locator("#stale").isVisible()).toBe(false);
      expect(await marked(page, "error")).toEqual([]);
      expect(await sharedText(page)).toBe(MENDED);
      // The same recipe a few letters on: its plan stays, and says of what it is.
      await page.locator(".cm-content").click();
      await page.keyboard.press("Control+End");
      await page.keyboard.type("\nnothing = 1");
      await page.locator("#stale").waitFor();
      expect(await page.locator("#stale").textContent()).toBe("Plan of the last text without errors");
      expect(await page.locator(".ctx-plan.old, .old .ctx-plan h1").count()).toBe(1);
    }));

  test("what a word means is told on hover, and words are completed", () =>
    inPage(hashes.unix, async (page) => {
      await page.locator(".t-property").filter({ hasText: "length" }).hover();
      const told = page.locator(".cm-tooltip-hover .told");
      await told.waitFor();
      expect(await told.locator("b").first().textContent()).toBe("length");
      await page.mouse.move(5, 5);
      await told.waitFor({ state: "detached" });
      await page.locator(".cm-content").click();
      await page.keyboard.press("Control+End");
      await page.keyboard.type("\neval");
      const option = page.locator(".cm-tooltip-autocomplete [role=option]").first();
      await option.filter({ hasText: "evaluate" }).waitFor();
      await page.waitForTimeout(150); // a list takes no key in its first moments
      await page.keyboard.press("Enter");
      expect(await sharedText(page)).toMatch(/\nevaluate/);
    }));

  test("an address opens the recipe that it was made of, whatever ends its lines", () =>
    inPage(hashes.windows, async (page) => {
      expect(await marked(page, "error")).toEqual(["texts"]);
      expect(await page.locator("#findings .place").first().textContent()).toBe("error CTX2001, line 3");
      expect(await page.locator("#examples").inputValue()).toBe("");
      expect(await sharedText(page)).toBe(BROKEN);
      const before = page.url();
      await page.locator("#findings .fixes button").first().click();
      await page.locator(".ctx-plan").waitFor();
      // Nobody pressed Share: the address follows by itself, so that a reload loses nothing.
      await page.waitForFunction((old) => location.href !== old, before);
      await page.reload();
      await page.locator(".ctx-plan").waitFor();
      expect(await sharedText(page)).toBe(MENDED);
    }));

  test("one's own text comes back after an example, and the keyboard leaves the editor", () =>
    inPage(hashes.unix, async (page) => {
      await page.locator("#examples").selectOption("quickstart");
      await page.locator(".ctx-plan h1").filter({ hasText: "quickstart" }).waitFor();
      await page.locator("#examples").selectOption("");
      await page.locator(".cm-lintRange-error").waitFor();
      expect(await sharedText(page)).toBe(BROKEN);
      await page.locator(".cm-content").click();
      expect(await page.locator("#keys").textContent()).toContain("Esc, then Tab");
      await page.keyboard.press("Escape");
      await page.keyboard.press("Tab");
      expect(await page.evaluate(() => document.activeElement?.closest(".cm-content"))).toBeNull();
      expect(await sharedText(page)).toBe(BROKEN);
    }));

  test("an address that can't be read is told, and an example shown", () =>
    inPage("#r=AAAA", async (page) => {
      expect(await page.locator("#said").textContent()).toContain("can't be read");
      expect(await page.locator(".ctx-plan").count()).toBe(1);
    }));

  test("stages are a table beside the recipe, whose long lines go on below", () =>
    inPage(
      "",
      async (page) => {
        expect(await page.locator("table.stages").evaluate((table) => getComputedStyle(table).display)).toBe("table");
        const [shown, whole] = await page
          .locator(".cm-scroller")
          .evaluate(({ clientWidth, scrollWidth }) => [clientWidth, scrollWidth]);
        expect(whole).toBe(shown);
      },
      1280,
    ));

  test("the parameters of a call are told while it is written, however fast; recipes of the list can be imported", () =>
    inPage(hashes.unix, async (page) => {
      await page.locator(".cm-content").click();
      await page.keyboard.press("Control+End");
      await page.keyboard.type("\ntrain { optimizer = adamw(lr: 2e-5, ");
      const told = page.locator(".signature");
      await told.locator("mark").filter({ hasText: "betas" }).waitFor();
      // The list of completions, where it is open, goes first.
      await page.keyboard.press("Escape");
      await page.waitForTimeout(100);
      await page.keyboard.press("Escape");
      await told.waitFor({ state: "detached" });
      // A recipe of the list is imported; of others it is said what can be had.
      await page.keyboard.press("Control+a");
      await page.keyboard.insertText('import "gradient-llama3-1m.ctx"\nparallel { ring = 128 }');
      await page.locator(".ctx-plan dd").filter({ hasText: "4 rings of 128" }).waitFor();
      await page.keyboard.press("Control+a");
      await page.keyboard.insertText('import "mine.ctx"');
      await page.locator("#findings .aside").filter({ hasText: "This page has no disk" }).waitFor();
    }));

  test("colours and widths are those that were chosen, also after a reload", () =>
    inPage("", async (page) => {
      const look = () =>
        page.evaluate(() => [
          getComputedStyle(document.body).backgroundColor,
          getComputedStyle(document.querySelector(".ctx-plan")!).color,
          document.querySelector(".left")!.getBoundingClientRect().width,
        ]);
      const [light, ink, width] = await look();
      await page.getByRole("button", { name: "Dark colours" }).click();
      await page.locator("#split").focus();
      for (let k = 0; k < 3; k++) await page.keyboard.press("ArrowRight");
      const chosen = await look();
      expect(chosen[0]).not.toBe(light);
      expect(chosen[1]).not.toBe(ink);
      expect(chosen[2]).toBeCloseTo((width as number) + 0.06 * 1200, 0);
      await page.reload();
      await page.locator(".ctx-plan").waitFor();
      expect(await look()).toEqual(chosen);
    }));

  test("fits a narrow screen, one half at a time", () =>
    inPage(
      "",
      async (page) => {
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(400);
        expect(await page.locator(".right").isVisible()).toBe(false);
        await page.getByRole("button", { name: "Format" }).click();
        await page.locator("#said").filter({ hasText: "ormatted" }).waitFor();
        await page.getByRole("button", { name: "Plan", exact: true }).click();
        expect(await page.locator(".left").isVisible()).toBe(false);
        expect(await page.locator("table.stages").evaluate((table) => getComputedStyle(table).display)).toBe("block");
        expect(await page.locator(".right").evaluate(({ clientWidth, scrollWidth }) => scrollWidth - clientWidth)).toBe(
          0,
        );
        await page.locator(".ctx-plan .stages .place").first().click();
        expect(await page.locator(".cm-activeLine").textContent()).toContain("stage s64k");
        // The line that is written on stays in sight when findings come up under it.
        await page.keyboard.press("Control+End");
        await page.keyboard.type("\nnothing = 1");
        await page.locator("#findings .error").first().waitFor();
        const below = () =>
          page.evaluate(
            () =>
              document.querySelector(".cm-activeLine")!.getBoundingClientRect().bottom -
              document.querySelector("#recipe")!.getBoundingClientRect().bottom,
          );
        await expect.poll(below).toBeLessThanOrEqual(1);
      },
      400,
    ));
});
