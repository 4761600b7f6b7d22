/** The playground's parts that need no page: answers, addresses, markdown. */
import { deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Answers } from "../../../editor/playground/answers.ts";
import { examples } from "../../../editor/playground/build.mjs";
import { htmlOf } from "../../../editor/playground/markdown.ts";
import { hashOf, textOf } from "../../../editor/playground/share.ts";

const { recipes, files } = examples() as {
  recipes: { name: string; text: string }[];
  files: { [path: string]: string };
};

describe("examples", () => {
  test("all of the repository's come along", () => expect(recipes.length).toBeGreaterThan(15));

  test.each(recipes)("$name has a plan and no error, without a disk or a network", ({ text }) => {
    const { findings, plan } = new Answers(files).answer({ kind: "look", text });
    expect(findings.filter(({ severity }) => severity === 1).map(({ message }) => message)).toEqual([]);
    // An allowance may be for what only the files would show.
    expect(findings.map(({ code }) => code)).not.toContain("CTX2401");
    expect(plan).toContain('<article class="ctx-plan">');
  });
});

test("a mistake has no plan, stands at its place, and its fix mends it", () => {
  const answers = new Answers();
  const text = 'model { from = "meta-llama/Meta-Llama-3-8B" }\nrope { rope_theta = 1M }\nstage a { length = 64Ki }\n';
  const { findings, plan } = answers.answer({ kind: "look", text });
  const finding = findings.find(({ code }) => code === "CTX2001")!;
  expect(plan).toBeNull();
  expect(finding.range).toEqual({ start: { line: 1, character: 7 }, end: { line: 1, character: 17 } });
  expect(finding.fixes[0]!.edits).toEqual([{ range: finding.range, newText: "theta" }]);
  const items = answers.answer({ kind: "complete", text: `${text}eval`, at: { line: 3, character: 4 } });
  expect(items.map(({ label }) => label)).toContain("evaluate");
  const told = answers.answer({ kind: "hover", text, at: { line: 2, character: 12 } });
  expect(told!.contents.value).toContain("**length**");
  expect(answers.answer({ kind: "format", text: "rope{theta=1M}" }).length).toBeGreaterThan(0);
});

test("a recipe of the list can be imported and overridden; of another it is said what can be had", () => {
  const answers = new Answers(files);
  const text = 'import "published/gradient-llama3-4m.ctx"\nparallel { ring = 128 }\n';
  const { findings, plan } = answers.answer({ kind: "look", text });
  expect(findings.filter(({ severity }) => severity === 1)).toEqual([]);
  expect(plan).toContain('<article class="ctx-plan">');
  const names = answers.answer({ kind: "complete", text: 'import "pub"', at: { line: 0, character: 11 } });
  expect(names.map(({ label }) => label)).toEqual(["published/"]);
  const inside = answers.answer({ kind: "complete", text: 'import "published/pro"', at: { line: 0, character: 21 } });
  expect(inside.map(({ label }) => label)).toEqual(["prolong-llama3-512k.ctx"]);
  const missing = answers.answer({ kind: "look", text: text.replace("4m", "5m") });
  expect(missing.plan).toBeNull();
  expect(missing.findings[0]).toMatchObject({ code: "CTX2301", aside: expect.stringContaining("by their names") });
});

test("over each stage stands its line of the ledger, and behind its name nothing that this says", () => {
  const { text } = recipes.find(({ name }) => name === "gradient-llama3-1m")!;
  const { lenses, hints } = new Answers(files).answer({ kind: "look", text });
  expect(lenses.map(({ command }) => command.title)).toEqual(
    Array.from({ length: 4 }, () => expect.stringMatching(/GiB of 79 GiB on each device · .* tokens · theta/)),
  );
  expect(hints.filter(({ label }) => label.includes("GiB"))).toEqual([]);
  expect(hints.map(({ label }) => label)).toContain("= 62,914,560 tokens");
});

test("a call's parameters are told while it is written", () => {
  const text = "train { optimizer = adamw(lr: 2e-5, betas: ) }";
  const help = new Answers().answer({ kind: "signature", text, at: { line: 0, character: 43 } })!;
  const [signature] = help.signatures;
  const [from, to] = signature!.parameters[help.activeParameter]!.label;
  expect(signature!.label.slice(from, to)).toContain("betas");
  expect(new Answers().answer({ kind: "signature", text, at: { line: 0, character: 3 } })).toBeNull();
});

describe("addresses", () => {
  test("hold any text, and nothing that an address may not", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary" }), async (text) => {
        // What UTF-8 can't write comes back as the character that stands for it.
        const written = new TextDecoder("utf-8", { ignoreBOM: true }).decode(new TextEncoder().encode(text));
        const hash = await hashOf(text);
        expect(hash).toMatch(/^#r=[\w-]+$/);
        expect(await textOf(hash)).toBe(written);
      }),
      { numRuns: 60 },
    );
    expect(await textOf(await hashOf("a = 🐋\r\nb = 1\r\n"))).toBe("a = 🐋\r\nb = 1\r\n");
  });

  test("that hold no recipe are told from those that are broken", async () => {
    expect(await textOf("")).toBeNull();
    expect(await textOf("#findings")).toBeNull();
    await expect(textOf("#r=%%%")).rejects.toThrow("letters that none of ours has");
    await expect(textOf("#r=AAAA")).rejects.toThrow();
    const cut = (await hashOf("word ".repeat(100))).slice(0, -8);
    await expect(textOf(cut)).rejects.toThrow();
    const invalid = deflateRawSync(Buffer.from([0xff, 0xfe])).toString("base64url");
    await expect(textOf(`#r=${invalid}`)).rejects.toThrow();
  });

  test("that inflate without end are refused", async () => {
    const bomb = deflateRawSync(Buffer.alloc(64 * 2 ** 20)).toString("base64url");
    await expect(textOf(`#r=${bomb}`)).rejects.toThrow("longer than 1048576 bytes");
  });
});

describe("markdown", () => {
  test("of the kinds that hovers have", () => {
    const text =
      "**length**: tokens, `≥ 1` · *planned*\n\n- `a`: one\n- two\n\n| stage | theta |\n|---|--:|\n| s | `1 \\| 2` |\n\n```ctx\na = 1\n\nb = <2>\n```\n\nsee [page](https://example.org/x) \\*";
    expect(htmlOf(text)).toBe(
      [
        "<p><b>length</b>: tokens, <code>≥ 1</code> · <i>planned</i></p>",
        "<ul><li><code>a</code>: one</li><li>two</li></ul>",
        "<table><tr><th>stage</th><th>theta</th></tr><tr><td>s</td><td><code>1 | 2</code></td></tr></table>",
        "<pre>a = 1\n\nb = &lt;2&gt;</pre>",
        '<p>see <a href="https://example.org/x" rel="noopener">page</a> *</p>',
      ].join("\n"),
    );
  });

  test("lets no markup through", () => {
    const hostile =
      '<img src=x onerror=alert(1)> `<b>` [a](javascript:alert(1)) [b](https://x"onmouseover=alert(1)) **<i>**';
    expect(htmlOf(hostile)).not.toMatch(
      /<(?!\/?(?:p|code|b|i|a href="https:[^"]*" rel="noopener")>)|javascript:.*href/,
    );
    expect(htmlOf(`| a |\n|---|\n| <script> |\n| ${hostile} |`)).not.toContain("<script>");
    expect(htmlOf("```\n</pre><script>\n```")).not.toContain("<script>");
  });
});
