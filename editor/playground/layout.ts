/** How the page is laid out: its colours, the width of its halves, and which of them a narrow screen shows. */

/** The documentation's own key, so that both have the colours that were chosen in either. */
const THEME = "vitepress-theme-appearance";
const WIDTH = "ctx-playground-width";

const element = (id: string) => document.getElementById(id)!;

/** What is kept from visit to visit; a browser may refuse to. */
function kept(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function keep(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Then it holds for this visit.
  }
}

export function startLayout(): void {
  theme();
  split();
  for (const button of document.querySelectorAll<HTMLElement>(".views button"))
    button.addEventListener("click", () => showView(button.dataset.view as "recipe" | "plan"));
}

/** On a narrow screen, one of the two; a wide one shows both. */
export function showView(view: "recipe" | "plan"): void {
  document.body.dataset.view = view;
  for (const button of document.querySelectorAll<HTMLElement>(".views button"))
    button.setAttribute("aria-pressed", String(button.dataset.view === view));
}

function theme(): void {
  const root = document.documentElement;
  const button = element("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const told = () => button.setAttribute("aria-pressed", String(dark()));
  const chosen = kept(THEME);
  if (chosen === "dark" || chosen === "light") root.dataset.theme = chosen;
  told();
  system.addEventListener("change", told);
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    keep(THEME, root.dataset.theme);
    told();
  });
}

/** The bar between recipe and plan, for the pointer and the arrow keys; the recipe's share in percent. */
function split(): void {
  const bar = element("split");
  const main = bar.parentElement!;
  let share = Number(kept(WIDTH)) || 46;
  const set = (wanted: number) => {
    share = Math.min(80, Math.max(20, wanted));
    main.style.setProperty("--left", `${share}%`);
    bar.setAttribute("aria-valuenow", String(Math.round(share)));
  };
  set(share);
  bar.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -2, ArrowRight: 2 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    set(share + step);
    keep(WIDTH, String(share));
  });
  bar.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    bar.setPointerCapture(event.pointerId);
    bar.classList.add("held");
  });
  bar.addEventListener("pointermove", ({ clientX }) => {
    if (bar.classList.contains("held")) set((100 * clientX) / main.clientWidth);
  });
  bar.addEventListener("lostpointercapture", () => {
    bar.classList.remove("held");
    keep(WIDTH, String(share));
  });
}
