import { adapterRank } from "./adapter_rank.ts";
import { anglePrecision, stillPairs } from "./angle_precision.ts";
import { attentionTemperature, temperatureFalls } from "./attention_temperature.ts";
import type { Check } from "./context.ts";
import { contextCovered, contextShown } from "./covered.ts";
import { jumpTooLarge, lengthsFall, unitForgotten } from "./curriculum.ts";
import { dataFilesReadable } from "./data_files.ts";
import { devicesSplit } from "./devices.ts";
import { evaluatedTextSuffices } from "./evaluated_text.ts";
import { evaluatedBeyond, nothingBetweenStages } from "./evaluation.ts";
import { exportedContextShrinks, readableEverywhere, servedLonger } from "./export.ts";
import { nothingHeldOut } from "./held_out.ts";
import { huggingFaceForm } from "./hugging_face_form.ts";
import { interpolationTooStrong } from "./interpolation.ts";
import { documentsTooShort, longDocumentShare } from "./long_documents.ts";
import { factorsFall, shortFactorUntrained } from "./longrope.ts";
import { memoryFits } from "./memory.ts";
import { nothingToMerge, onlyMerged } from "./merge.ts";
import { originalLength, trainedAsPromised } from "./original.ts";
import { pairsStop, partialWhole, someTurn } from "./partial.ts";
import { pathDependence } from "./path_dependence.ts";
import { plannedOnly } from "./planned_only.ts";
import { poseCoverage, poseDocuments } from "./pose.ts";
import { questionsFit } from "./questions.ts";
import { restartWithoutWarmup } from "./restart.ts";
import { filterKeeps, overflowDrops } from "./retention.ts";
import { ringDivides, ringTooFine } from "./ring.ts";
import { sameText } from "./same_text.ts";
import { scalingFactor } from "./scaling_factor.ts";
import { silentChats } from "./silent_chats.ts";
import { similarityBound } from "./similarity.ts";
import { evaluatedOnTraining, evaluationFilesTrained, filesMissing, sourceUnused, textRunsOut } from "./sources.ts";
import { stretchedTwice } from "./stretched_twice.ts";
import { thetaFalls, thetaOvershoot } from "./theta.ts";
import { trainedArc } from "./trained_arc.ts";
import { carriedMoments, learningRate, learningRateJump, loraFrozenNorms } from "./training.ts";
import { unfinishedPeriods } from "./unfinished.ts";
import { efficiencyReached, peakIsDense, wallTimeReachable } from "./utilization.ts";
import { windowHidesContext } from "./window.ts";

/** Every rule about a finished plan. A new one is a function and a line here. */
export const checks: readonly Check[] = [
  plannedOnly,
  originalLength,
  trainedAsPromised,
  trainedArc,
  thetaOvershoot,
  unfinishedPeriods,
  similarityBound,
  thetaFalls,
  pathDependence,
  scalingFactor,
  stretchedTwice,
  attentionTemperature,
  temperatureFalls,
  factorsFall,
  shortFactorUntrained,
  pairsStop,
  someTurn,
  partialWhole,
  windowHidesContext,
  interpolationTooStrong,
  anglePrecision,
  stillPairs,
  huggingFaceForm,
  readableEverywhere,
  servedLonger,
  lengthsFall,
  unitForgotten,
  exportedContextShrinks,
  jumpTooLarge,
  evaluatedBeyond,
  evaluatedTextSuffices,
  nothingBetweenStages,
  filesMissing,
  dataFilesReadable,
  sourceUnused,
  evaluatedOnTraining,
  evaluationFilesTrained,
  nothingHeldOut,
  questionsFit,
  textRunsOut,
  documentsTooShort,
  longDocumentShare,
  filterKeeps,
  overflowDrops,
  silentChats,
  sameText,
  ringDivides,
  ringTooFine,
  devicesSplit,
  efficiencyReached,
  peakIsDense,
  wallTimeReachable,
];

/** Rules that also read how a stage trains; left out when a `train` block could not be read. */
export const trainingChecks: readonly Check[] = [
  learningRate,
  learningRateJump,
  loraFrozenNorms,
  adapterRank,
  carriedMoments,
  restartWithoutWarmup,
  contextCovered,
  contextShown,
  poseCoverage,
  poseDocuments,
  memoryFits,
  nothingToMerge,
  onlyMerged,
];
