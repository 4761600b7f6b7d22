// What tests get as "fast-check" (vitest.config.ts): properties are tried on the same cases every time, so that a change is judged by what
// it changes. `CTX_SEED=random npx vitest run …` looks elsewhere, `CTX_SEED=<number>` there again.
import { createRequire } from "node:module";

const fc = (createRequire(import.meta.url)("fast-check") as typeof import("fast-check")).default;
const { CTX_SEED: given } = process.env;
if (given !== "random") fc.configureGlobal({ seed: given === undefined ? 20_260_117 : Number(given) });

export default fc;
