/** The page: a recipe on one side, what is found in it and what it comes to on the other. */
import type { EditorView } from "@codemirror/view";
import { escapeText } from "../../compiler/drawing/svg.ts";
import type { Finding, Look } from "./answers.ts";
import { Client } from "./client.ts";
import { showView, startLayout } from "./layout.ts";
import { offsetOf } from "./places.ts";
import { applyEdits, recipeEditor, replaceText, showCursor } from "./recipe_editor.ts";
import { hashOf, textOf } from "./share.ts";

/** Recipes to begin with, put in when the page is built; the first one is shown. */
declare const EXAMPLES: readonly { readonly name: string; readonly text: string }[];

/** Whether the documentation lies one folder above, and with it a page for each code. */
declare const SITE: boolean;

/** Milliseconds after the last letter until the address holds the text. */
const REST = 400;

const element = <T extends HTMLElement = HTMLElement>(id: string) => document.getElementById(id) as T;
const client = new Client("worker.js");
const examples = element<HTMLSelectElement>("examples");
let view: EditorView;
/** Whether the recipe is another one than that whose plan is shown, rather than the same a few letters on. */
let another = true;
/** One's own text, kept while an example is looked at; null where there is none yet. */
let own: string | null = null;
/** The example that is shown, unchanged; empty: one's own. */
let shown = "";

function say(text: string): void {
  element("said").textContent = text;
}

function show(found: Look | Error): void {
  if (found instanceof Error) {
    element("count").textContent = `The compiler gave up: ${found.message}`;
    showPlan(null);
    return;
  }
  const height = view.dom.clientHeight;
  showFindings(found.findings);
  // A longer list leaves less room to the text: the line that is written on stays in sight.
  if (view.hasFocus && view.dom.clientHeight < height) showCursor(view);
  showPlan(found.plan);
  void keep();
}

/** Of a text with an error, the plan of before stays, marked as such, unless it is that of another recipe. */
function showPlan(plan: string | null): void {
  const picture = element("plan");
  if (plan !== null) picture.innerHTML = plan;
  else if (another) picture.innerHTML = `<p class="empty">${whyNoPlan()}</p>`;
  if (plan !== null) another = false;
  const old = plan === null && !another;
  picture.classList.toggle("old", old);
  element("stale").hidden = !old;
}

function whyNoPlan(): string {
  return view.state.doc.toString().trim() === ""
    ? "An empty recipe has no plan. Choose one of the list above, or begin with <code>model { from = … }</code>."
    : "The plan appears here once the recipe has no errors.";
}

const WORDS = { 1: "error", 2: "warning", 3: "note" } as const;

function showFindings(findings: readonly Finding[]): void {
  const counts = ([1, 2, 3] as const).flatMap((severity) => {
    const count = findings.filter((finding) => finding.severity === severity).length;
    return count === 0 ? [] : [`${count} ${WORDS[severity]}${count === 1 ? "" : "s"}`];
  });
  const errors = findings.some(({ severity }) => severity === 1);
  const count = element("count");
  count.textContent = [...(errors ? [] : ["No errors"]), ...counts].join(", ");
  count.className = errors ? "error" : findings.some(({ severity }) => severity === 2) ? "warning" : "fine";
  const items = findings.map(({ severity, code, message, range, fixes, aside }, index) => {
    const buttons = fixes.map(
      ({ title }, fix) =>
        `<button type="button" data-finding="${index}" data-fix="${fix}">${escapeText(title)}</button>`,
    );
    return `<li class="${WORDS[severity]}"><button type="button" class="place" data-line="${range.start.line}" data-character="${range.start.character}">${WORDS[severity]} ${escapeText(code)}, line ${range.start.line + 1}</button>${SITE ? ` <a href="../errors/${escapeText(code)}.html">what it means</a>` : ""}
<span>${escapeText(message)}</span>${aside ? `<p class="aside">${escapeText(aside)}</p>` : ""}${buttons.length > 0 ? `<div class="fixes">${buttons.join("")}</div>` : ""}</li>`;
  });
  const list = element("findings");
  list.innerHTML = items.join("");
  const { doc } = view.state;
  list.onclick = ({ target }) => {
    if (!(target instanceof HTMLElement) || target.dataset.fix === undefined) return;
    const fix = findings[Number(target.dataset.finding)]?.fixes[Number(target.dataset.fix)];
    if (fix && view.state.doc === doc) applyEdits(view, fix.edits);
  };
}

/** The address holds what is written, so that it outlives a reload and can be passed on; an example needs no telling. */
async function keep(): Promise<string> {
  const text = view.state.doc.toString();
  const hash = text === EXAMPLES[0]!.text ? " " : await hashOf(text);
  if (view.state.doc.toString() === text && location.hash !== hash.trim())
    history.replaceState(null, "", hash.trim() || location.pathname);
  return location.href;
}

async function share(): Promise<void> {
  const text = view.state.doc.toString();
  history.replaceState(null, "", await hashOf(text));
  try {
    await navigator.clipboard.writeText(location.href);
    say("The address of this recipe is in the clipboard.");
  } catch {
    say("The address above is that of this recipe: copy it from there.");
  }
}

/** The recipe as a file, named as the recipe names itself. */
function download(): void {
  const text = view.state.doc.toString();
  const name = /^[ \t]*recipe[ \t]+(\w+)/m.exec(text)?.[1] ?? "recipe";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  link.download = `${name}.ctx`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  say(`Saved as ${name}.ctx.`);
}

async function format(): Promise<void> {
  const { doc } = view.state;
  const edits = await client.ask({ kind: "format", text: doc.toString() });
  if (view.state.doc !== doc) return;
  if (edits.length > 0) applyEdits(view, edits);
  say(edits.length > 0 ? "Formatted." : "It is formatted already.");
}

/** The recipe of the address, else the first example. */
async function fromAddress(): Promise<string> {
  try {
    const text = await textOf(location.hash);
    if (text !== null) {
      choose(EXAMPLES.find((example) => example.text === text)?.name ?? "");
      return text;
    }
  } catch (error) {
    say(`The recipe in the address can't be read (${(error as Error).message}); this is an example.`);
  }
  choose(EXAMPLES[0]!.name);
  return EXAMPLES[0]!.text;
}

/** What the list says is shown: an example by name, or one's own. */
function choose(name: string): void {
  examples.value = name;
  shown = name;
}

/** The examples of a folder, in the list. */
function optionsIn(folder: string): string {
  return EXAMPLES.filter(({ name }) => name.slice(0, name.lastIndexOf("/") + 1) === folder)
    .map(({ name }) => `<option value="${escapeText(name)}">${escapeText(name.slice(folder.length))}</option>`)
    .join("");
}

let replacing = false;

/** Puts another text in place of the whole. */
function put(text: string): void {
  replacing = true;
  replaceText(view, text);
  replacing = false;
}

async function start(): Promise<void> {
  startLayout();
  examples.innerHTML = `<option value="">your own</option>${optionsIn("")}<optgroup label="after published runs">${optionsIn("published/")}</optgroup>`;
  view = recipeEditor(element("recipe"), await fromAddress(), client, show, (whole) => {
    another ||= whole;
    // An example that is changed is one's own from then on.
    if (!replacing) choose("");
  });
  let timer = 0;
  element("recipe").addEventListener("input", () => {
    say("");
    clearTimeout(timer);
    timer = setTimeout(() => void keep(), REST);
  });
  examples.addEventListener("change", () => {
    const example = EXAMPLES.find(({ name }) => name === examples.value);
    if (shown === "") own = view.state.doc.toString();
    choose(examples.value);
    const text = example ? example.text : own;
    if (text !== null) put(text);
    document.querySelector(".right")!.scrollTo(0, 0);
    say(text === null ? "There is no text of your own yet: change this one." : "");
  });
  element("share").addEventListener("click", () => void share());
  element("format").addEventListener("click", () => void format());
  element("download").addEventListener("click", download);
  document.addEventListener("keydown", (event) => {
    const save = (event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "s";
    const layOut = event.shiftKey && event.altKey && event.code === "KeyF";
    if (!save && !layOut) return;
    event.preventDefault();
    if (save) download();
    else void format();
  });
  window.addEventListener("hashchange", async () => {
    if (shown === "") own = view.state.doc.toString();
    put(await fromAddress());
  });
  // From a finding, or a stage of the plan, to its line.
  document.addEventListener("click", ({ target }) => {
    const place = target instanceof Element ? target.closest<HTMLElement>(".place") : null;
    if (!place) return;
    showView("recipe");
    const at = { line: Number(place.dataset.line), character: Number(place.dataset.character) };
    view.dispatch({ selection: { anchor: offsetOf(view.state.doc, at) }, scrollIntoView: true });
    view.focus();
  });
}

void start();
