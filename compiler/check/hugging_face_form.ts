import { type Check, steps } from "./context.ts";

/** A table that Hugging Face can't be told about: every stage is saved as a Hugging Face folder, so no run can carry it out. */
export const huggingFaceForm: Check = ({ plan, trace, report }) => {
  for (const { stage, pointer } of steps(plan)) {
    if (stage.rope.parameters === null) report.add("CTX3015", trace.nearest(`${pointer}/rope/frequency`), {});
  }
};
