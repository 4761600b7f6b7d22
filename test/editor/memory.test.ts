// A stage's memory, wherever it is told.
import { expect, test } from "vitest";
import { planText } from "../../cli/plan_text.ts";
import { emptyHost } from "../../compiler/index.ts";
import { deviceNeed } from "../../compiler/memory/index.ts";
import { showBytes } from "../../compiler/values/show.ts";
import { renderPlan } from "../../editor/panel/index.ts";
import { codeLenses, hoverAt, inlayHints, Snapshot } from "../../editor/service/index.ts";

const RECIPE = `recipe r
model { from = "meta-llama/Meta-Llama-3-8B" }
data { source books { files = "books/*.jsonl" } }
rope { theta = critical_base(length) }
hardware { preset = l40s  memory = MEMORY }
train { method = lora(rank: 16) }
stage long { length = 16Ki  steps = 50  batch = 1 }
`;

function told(memory: string) {
  const text = RECIPE.replace("MEMORY", memory);
  const snapshot = new Snapshot("r.ctx", text, { host: emptyHost, uri: (file) => file });
  const plan = snapshot.analysis.plan!;
  return {
    need: deviceNeed(plan, plan.stages[0]!),
    ledger: plan.stages[0]!.memory.device!.total,
    places: {
      lens: codeLenses(snapshot)[0]!.command!.title,
      hint: inlayHints(snapshot)
        .map(({ label }) => label)
        .join("\n"),
      hover: JSON.stringify(hoverAt(snapshot, snapshot.range({ start: text.indexOf("long"), end: 0 }).start)),
      panel: renderPlan(plan).replaceAll("\u00a0", " "),
      "ctx plan": planText(plan, { width: 200, color: false }),
    },
  };
}

test("editor, panel and ctx plan say the same memory of a stage on a GPU: the arena and what CUDA takes beside it", () => {
  const { need, ledger, places } = told("44GiB");
  expect(need).toBeGreaterThan(ledger);
  for (const [place, text] of Object.entries(places)) {
    expect(text, place).toContain(showBytes(need));
    expect(text.replaceAll(showBytes(need), ""), place).not.toContain(` ${showBytes(ledger)}`);
  }
});
