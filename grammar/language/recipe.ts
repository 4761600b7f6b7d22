import type { Data } from "./data.ts";
import type { Evaluate } from "./evaluate.ts";
import type { Export, Track } from "./export.ts";
import type { Hardware, Memory, Parallel } from "./machine.ts";
import type { Model } from "./model.ts";
import type { Rope } from "./rope.ts";
import type { Curriculum, Probe, Stage } from "./stage.ts";
import type { Train } from "./train.ts";
import type { Block, Many, One } from "./values.ts";

/** What may stand at the top level of a recipe. */
export interface Recipe extends Block {
  model: One<Model>;
  rope?: One<Rope>;
  data?: One<Data>;
  train?: One<Train>;
  stage?: Many<Stage>;
  curriculum?: One<Curriculum>;
  probe?: One<Probe>;
  parallel?: One<Parallel>;
  memory?: One<Memory>;
  hardware?: One<Hardware>;
  evaluate?: One<Evaluate>;
  export?: One<Export>;
  track?: One<Track>;
}
