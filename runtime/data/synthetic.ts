import type { PlanSynthetic } from "../../compiler/plan.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { DataError } from "./data_error.ts";
import type { Documents } from "./documents.ts";
import { randomDigits } from "./needle.ts";
import type { Random } from "./random.ts";
import { emptyRow, IGNORE, KIND, type Row } from "./row.ts";
import { segmentRow } from "./segments.ts";
import { type NeedleForm, needleForm, type Spelled, spell } from "./spelling.ts";

/**
 * Rows with long-range questions inside real text. A row is one document (the question must see its answer): bos where the tokenizer has one,
 * then running text of the haystack, with statements and questions put in at token-exact random places.
 *
 * - `needle`: one pass key; `passkey`: the same in landmark attention's words;
 * - `multi_needle`: `count` pass keys with names, each at its own place; every question asks for one of them;
 * - `key_value`: the same, but all pass keys stand together in one block;
 * - `copy`: no text at all but random segments that come again; see segments.ts.
 *
 * In a share `at_start` of the rows the first needle begins the row. `repeats` questions are asked, always after what they ask for;
 * in a share `at_end` of the rows the last one ends the row. Targets weigh `answer_weight` in answers, nothing in what can't be known
 * (values at their first appearance, names), `text_weight` elsewhere.
 */
export class SyntheticSource {
  private constructor(
    private readonly name: string,
    private readonly settings: PlanSynthetic,
    /** null only for `copy`, which has no text. */
    private readonly haystack: Documents | null,
    private readonly tokenizer: Tokenizer,
    /** null for `copy`, which has no words of its own. */
    private readonly form: NeedleForm | null,
  ) {}

  static async create(
    name: string,
    settings: PlanSynthetic,
    haystack: Documents | null,
    tokenizer: Tokenizer,
  ): Promise<SyntheticSource> {
    const words = {
      needle: "needle",
      passkey: "passkey",
      multi_needle: "named",
      key_value: "named",
      copy: null,
    } as const;
    const kind = words[settings.kind];
    const form = kind === null ? null : await needleForm(tokenizer, kind);
    return new SyntheticSource(name, settings, haystack, tokenizer, form);
  }

  /**
   * A row of exactly `length` tokens.
   *
   * @throws DataError when statements and questions don't fit into the row
   */
  async row(length: number, random: Random): Promise<SyntheticRow> {
    if (this.form === null) {
      const { segment, gap } = this.settings;
      return { row: segmentRow(length, this.tokenizer.vocab, segment, gap, random), skip: { from: 1, to: length - 1 } };
    }
    const opening = this.tokenizer.bos === null ? 0 : 1;
    const layout = await this.needles(this.form, length - opening, random);
    const row = emptyRow(length);
    if (this.tokenizer.bos !== null) row.ids[0] = this.tokenizer.bos;

    // Inserts in order of place; at the same place statements come before questions (the sort is stable).
    const inserts = [...layout.statements, ...layout.questions].sort((a, b) => a.at - b.at);
    const kinds = new Uint8Array(length);
    let t = opening;
    let taken = 0;
    let statementsEnd = 0;
    let lastQuestion = 0;
    for (const { at, ids, kinds: own, question } of inserts) {
      row.ids.set(layout.text.subarray(taken, at), t);
      t += at - taken;
      taken = at;
      row.ids.set(ids, t);
      kinds.set(own, t);
      if (question) lastQuestion = t;
      t += ids.length;
      if (!question) statementsEnd = Math.max(statementsEnd, t);
    }
    row.ids.set(layout.text.subarray(taken), t);

    const { answer_weight, text_weight } = this.settings;
    for (let i = 0; i + 1 < length; i++) {
      const kind = kinds[i + 1]!;
      const weight = kind === KIND.answer ? answer_weight : kind === KIND.prompt ? 0 : text_weight;
      row.kinds[i] = kind;
      row.weights[i] = weight;
      row.targets[i] = weight > 0 ? row.ids[i + 1]! : IGNORE;
    }
    return { row, skip: { from: statementsEnd, to: lastQuestion } };
  }

  private async needles(form: NeedleForm, room: number, random: Random): Promise<Layout> {
    const { kind, digits, count, repeats, at_start, at_end } = this.settings;
    const named = kind === "multi_needle" || kind === "key_value";
    const names = named ? random.distinct(count, 0, 9999).map((n) => String(n).padStart(4, "0")) : [""];
    const needles = names.map((name) => ({ name, value: randomDigits(digits, random) }));
    const asked = Array.from({ length: repeats }, () => random.between(0, needles.length - 1));
    const statements = await Promise.all(needles.map((n) => spell(this.tokenizer, form.statement(n.value, n.name))));
    const questions = await Promise.all(
      asked.map((j) => spell(this.tokenizer, form.question(needles[j]!.value, needles[j]!.name))),
    );
    const around = this.roomAround(room, [...statements, ...questions]);
    const together = random.between(0, around);
    const places = needles.map(() => (kind === "multi_needle" ? random.between(0, around) : together));
    if (random.unit() < at_start) places.fill(0, 0, kind === "multi_needle" ? 1 : places.length);
    const last = random.unit() < at_end ? questions.length - 1 : -1;
    return {
      text: this.haystack!.text(around, random),
      statements: statements.map((s, j) => ({ ...s, at: places[j]!, question: false })),
      questions: questions.map((q, i) => ({
        ...q,
        at: i === last ? around : random.between(places[asked[i]!]!, around),
        question: true,
      })),
    };
  }

  /** Tokens of haystack that fit around the inserts. */
  private roomAround(room: number, inserts: Spelled[]): number {
    const taken = inserts.reduce((sum, insert) => sum + insert.ids.length, 0);
    if (taken > room) throw this.tooShort(room, taken);
    return room - taken;
  }

  private tooShort(room: number, needed: number): DataError {
    return new DataError(
      `source ${this.name}: ${this.settings.kind} with ${this.settings.repeats} question(s) needs ${needed} tokens, but a row has ${room}`,
      "make the stage longer, or repeats or count smaller",
    );
  }
}

export interface SyntheticRow {
  row: Row;
  /** A cut anywhere from … to (token indices) sets the last question apart from what it may ask for; empty when from > to. */
  skip: { from: number; to: number };
}

interface Insert extends Spelled {
  /** Before which haystack token. */
  at: number;
  question: boolean;
}

interface Layout {
  text: Int32Array;
  statements: Insert[];
  questions: Insert[];
}
