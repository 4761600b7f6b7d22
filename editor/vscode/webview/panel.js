// Runs in the panel: takes new contents without losing the place that was scrolled to or what was unfolded, and leads from a stage to the recipe.
const api = acquireVsCodeApi();
api.setState({ recipe: document.body.dataset.recipe });

window.addEventListener("message", ({ data }) => {
  if (data?.type !== "body") return;
  const main = document.querySelector("main");
  const open = [...main.querySelectorAll("details")].map((details) => details.open);
  main.innerHTML = data.html;
  for (const [index, details] of main.querySelectorAll("details").entries()) details.open = open[index] ?? false;
});

document.addEventListener("click", ({ target }) => {
  const place = target instanceof Element ? target.closest(".place") : null;
  if (!place) return;
  const { file, line, character } = place.dataset;
  api.postMessage({ type: "place", file, line: Number(line), character: Number(character) });
});

api.postMessage({ type: "ready" });
