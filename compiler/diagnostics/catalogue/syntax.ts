import { message } from "../message.ts";
import { entry } from "./entry.ts";

/** CTX1xxx: syntax. Codes and holes are the grammar's (`grammar/problems.ts`); the wording is here. */
export const syntax = {
  CTX1001: entry(
    "error",
    "not a statement",
    message`${"found"} can't stand here`,
    message`expected name = value or kind { … }`,
  ),
  CTX1002: entry(
    "error",
    "missing value",
    message`a value is missing after ${"after"}`,
    message`write an expression here`,
  ),
  CTX1003: entry("error", "never closed", message`this ${"open"} is never closed`, message`opened here${"owner"}`),
  CTX1004: entry(
    "error",
    "nothing to close",
    message`${"close"} closes nothing`,
    message`remove it, or open a bracket before`,
  ),
  CTX1005: entry(
    "error",
    "colon for a property",
    message`a property is set with =, not with :`,
    message`write ${"name"} = …`,
  ),
  CTX1006: entry("error", "missing =", message`= is missing after ${"name"}`, message`write ${"name"} = …`),
  CTX1007: entry("error", "name alone", message`nothing follows ${"name"}`, message`expected = or { after it`),
  CTX1008: entry(
    "error",
    "text not closed",
    message`this text has no closing quote`,
    message`a text must end on the line where it begins`,
  ),
  CTX1009: entry("error", "unknown unit", message`${"unit"} is not a unit`, message`${"hint"}`),
  CTX1010: entry(
    "error",
    "missing comma",
    message`a comma is missing between two values`,
    message`write a comma before this`,
  ),
  CTX1011: entry("error", "unknown character", message`the language does not use ${"character"}`, message`${"hint"}`),
  CTX1012: entry(
    "error",
    "another language's spelling",
    message`${"found"} is written ${"instead"} here`,
    message`write ${"instead"}`,
  ),
  CTX1013: entry(
    "error",
    "comma between properties",
    message`properties are not separated by commas`,
    message`a blank or a new line is enough`,
  ),
  CTX1014: entry(
    "error",
    "= for an argument",
    message`an argument is set with :, not with =`,
    message`write ${"name"}: …`,
  ),
  CTX1015: entry(
    "error",
    "block written as property",
    message`${"name"} is a block, and blocks take no =`,
    message`write ${"name"} { … }`,
  ),
  CTX1016: entry(
    "error",
    "incomplete statement",
    message`${"keyword"} needs a ${"expected"}`,
    message`expected a ${"expected"} here`,
  ),
  CTX1017: entry(
    "error",
    "not at the top",
    message`${"keyword"} belongs at the top of the file, not in a block`,
    message`move it out of the braces`,
  ),
  CTX1018: entry(
    "error",
    "label is no name",
    message`${"label"} can't be a label`,
    message`labels are names: letters, digits and _, beginning with a letter`,
  ),
  CTX1019: entry(
    "error",
    "chained comparison",
    message`comparisons with ${"operator"} do not chain`,
    message`join two comparisons with and`,
  ),
  CTX1020: entry(
    "error",
    "range not readable",
    message`${"found"} can't stand in a range`,
    message`a range is written 4Ki..1Mi x2 or 0%..100% +10%`,
  ),
  CTX1021: entry(
    "error",
    "unknown escape",
    message`there is no escape ${"escape"}`,
    message`known are \\" \\\\ \\n \\t`,
  ),
  CTX1022: entry(
    "error",
    "nested too deeply",
    message`more than ${"limit"} levels or terms`,
    message`split it with let`,
  ),
  CTX1023: entry("error", "not a number", message`${"number"} is not a number`, message`${"hint"}`),
  CTX1024: entry(
    "error",
    "misspelt keyword",
    message`no statement begins with ${"found"}`,
    message`did you mean ${"keyword"}?`,
  ),
} as const;
