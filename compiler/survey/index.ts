/** What data files show without being read in full: names of columns, lengths of documents, tokens in all. */
export { bytesPerToken } from "./bytes_per_token.ts";
export { formatOf } from "./format.ts";
export { type ParquetFooter, parquetFooter } from "./parquet.ts";
export {
  keepSurveys,
  longestOf,
  passes,
  type Shares,
  type Survey,
  type SurveyedDocument,
  type Surveys,
  shareOf,
  surveyIn,
  surveyOf,
} from "./survey.ts";
export { type ZstdHead, zstdHead } from "./zstd.ts";
