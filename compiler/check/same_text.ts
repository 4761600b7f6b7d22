import type { Host } from "../host.ts";
import { folderOf } from "../path.ts";
import type { PlanEvaluate } from "../plan.ts";
import type { Check } from "./context.ts";

/** Bytes that are compared at the beginning and at the end of two files of one size. */
const compared = 64 * 2 ** 10;

/** Files of an evaluation that lie among the training text under another name. */
export const sameText: Check = ({ plan, trace, report, host }) => {
  const folder = folderOf(plan.source.file);
  const list = (patterns: readonly string[]) => patterns.flatMap((pattern) => [...(host.list(pattern, folder) ?? [])]);
  const evaluations: [PlanEvaluate | null, string][] = [
    ...plan.stages.map((stage, k): [PlanEvaluate | null, string] => [stage.evaluate, `/stages/${k}/evaluate`]),
    [plan.before, "/before"],
  ];
  if (evaluations.every(([evaluate]) => (evaluate?.perplexity?.files.length ?? 0) === 0)) return;
  const mixed = new Set(plan.stages.flatMap(({ mix }) => Object.keys(mix).filter((name) => mix[name]! > 0)));
  const trained = new Map<number, { file: string; name: string }[]>();
  for (const { name, files } of plan.data.sources) {
    for (const file of mixed.has(name) ? list(files) : []) {
      const size = host.size(file);
      if (size) trained.set(size, [...(trained.get(size) ?? []), { file, name }]);
    }
  }
  for (const [evaluate, pointer] of evaluations) {
    for (const file of list(evaluate?.perplexity?.files ?? [])) {
      const size = host.size(file) ?? 0;
      const twins = (trained.get(size) ?? []).filter((each) => each.file !== file);
      const twin = twins.find((each) => sameEnds(file, each.file, size, host));
      if (!twin) continue;
      report.add("CTX5026", trace.nearest(`${pointer}/perplexity/files`), { file, other: twin.file, name: twin.name });
      break; // the others are most likely copies too
    }
  }
};

function sameEnds(a: string, b: string, size: number, host: Host): boolean {
  return [0, Math.max(0, size - compared)].every((from) => {
    const [one, other] = [host.part?.(a, from, compared), host.part?.(b, from, compared)];
    return (
      one !== undefined && one.length === other?.length && one.length > 0 && one.every((byte, k) => byte === other[k])
    );
  });
}
