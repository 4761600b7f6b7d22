/** The worker: recipes are compiled beside the page, so that typing never waits for it. */
import { Answers, type Question } from "./answers.ts";

/** Texts that examples name, put in when the page is built. */
declare const EXAMPLE_FILES: { readonly [path: string]: string };

const answers = new Answers(EXAMPLE_FILES);

addEventListener("message", ({ data }: MessageEvent<{ id: number; question: Question }>) => {
  const { id, question } = data;
  try {
    postMessage({ id, answer: answers.answer(question) });
  } catch (error) {
    postMessage({ id, fault: error instanceof Error ? error.message : String(error) });
  }
});
