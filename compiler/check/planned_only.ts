import { plannedOnlyOf } from "../model/index.ts";
import type { Check } from "./context.ts";

/** A model that the engine does not compute is planned like any other; only who wants to run the plan has to know. */
export const plannedOnly: Check = ({ plan, trace, report }) => {
  const values = plannedOnlyOf(plan.model);
  if (values) report.add("CTX8026", trace.nearest("/model/from"), values);
};
