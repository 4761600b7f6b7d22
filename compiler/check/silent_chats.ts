import { surveyOf } from "../survey/index.ts";
import { type Check, replacing } from "./context.ts";

/** Chats from which all of them stand for the rest. */
const enough = 32;

/** Share of chats without an answer from which it is more than a stray one. */
const stray = 0.01;

/** Where only the assistant's words are learnt, a chat in which none stand costs a row and teaches nothing. */
export const silentChats: Check = ({ plan, trace, report, host }) => {
  for (const [k, source] of plan.data.sources.entries()) {
    if (source.loss !== "assistant" || source.chat === null) continue;
    const survey = surveyOf(source, plan, host);
    if (!survey || survey.chats.silent.length <= stray * survey.chats.seen) continue;
    const { seen, silent, file } = survey.chats;
    const all = silent.length === seen && (survey.complete || seen >= enough);
    const place = trace.exact(`/data/sources/${k}/loss`);
    const values = {
      name: source.name,
      silent: silent.length,
      seen,
      where: `the first is line ${silent[0]} of ${file}`,
    };
    report.add("CTX5025", place ?? trace.nearest(`/data/sources/${k}`), values, {
      severity: all ? "error" : "warning",
      fixes: all ? replacing(place, "loss = all", "all") : [],
    });
  }
};
