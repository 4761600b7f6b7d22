import { adapterRank } from "./adapter_rank.ts";
import { anglePrecision, stillPairs } from "./angle_precision.ts";
import { attentionTemperature, temperatureFalls } from "./attention_temperature.ts";
import { baseWeights } from "./base_weights.ts";
import type { Check } from "./context.ts";
import { contextCovered, contextShown } from "./covered.ts";
import { jumpTooLarge, lengthsFall, unitForgotten } from "./curriculum.ts";
import { dataFilesReadable } from "./data_files.ts";
import { devicesSplit } from "./devices.ts";
import { evaluatedTextSuffices } from "./evaluated_text.ts";
import { evaluatedBeyond, nothingBetweenStages } from "./evaluation.ts";
import { evaluationFits } from "./evaluation_memory.ts";
import { exportedContextShrinks, readableEverywhere, servedLonger } from "./export.ts";
import { headGroupsDivide } from "./head_groups.ts";
import { nothingHeldOut } from "./held_out.ts";
import { huggingFaceForm } from "./hugging_face_form.ts";
import { interpolationTooStrong } from "./interpolation.ts";
import { documentsTooShort, longDocumentShare } from "./long_documents.ts";
import { factorsFall, shortFactorUntrained } from "./longrope.ts";
import { memoryFits } from "./memory.ts";
import { memoryHere } from "./memory_here.ts";
import { adapterAlone, nothingToMerge, onlyMerged } from "./merge.ts";
import { orderOfSums } from "./order_of_sums.ts";
import { originalLength, trainedAsPromised, trainedBeyondPromise } from "./original.ts";
import { pairsStop, partialWhole, someTurn } from "./partial.ts";
import { pathDependence } from "./path_dependence.ts";
import { plannedOnly } from "./planned_only.ts";
import { poseCoverage, poseDocuments } from "./pose.ts";
import { productsOnGpus } from "./products_on_gpus.ts";
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

/** Rules that read the same blocks of a recipe. */
export interface CheckGroup {
  /** Blocks, of the top level or of a stage, without which nothing can be said. */
  readonly needs: readonly string[];
  readonly checks: readonly Check[];
}

/**
 * Every rule about a finished plan, in the order that they are asked. A new one is a function and a line here, in the group that names
 * the blocks that it reads: where one of them could not be read, the group waits.
 */
export const checks: readonly CheckGroup[] = [
  { needs: [], checks: [plannedOnly] },
  {
    needs: ["stage", "rope"],
    checks: [
      originalLength,
      trainedAsPromised,
      trainedBeyondPromise,
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
      interpolationTooStrong,
      anglePrecision,
      stillPairs,
      huggingFaceForm,
      readableEverywhere,
      servedLonger,
    ],
  },
  { needs: ["stage"], checks: [windowHidesContext, lengthsFall, unitForgotten, jumpTooLarge] },
  { needs: ["stage", "rope"], checks: [exportedContextShrinks] },
  { needs: ["stage", "evaluate"], checks: [evaluatedBeyond] },
  { needs: ["stage", "evaluate", "data"], checks: [evaluatedTextSuffices] },
  { needs: ["stage", "evaluate", "hardware"], checks: [nothingBetweenStages] },
  { needs: [], checks: [filesMissing, dataFilesReadable] },
  { needs: ["model"], checks: [baseWeights] },
  { needs: ["stage", "data"], checks: [sourceUnused] },
  { needs: ["stage", "data", "evaluate"], checks: [evaluatedOnTraining, evaluationFilesTrained, nothingHeldOut] },
  {
    needs: ["stage", "data"],
    checks: [
      questionsFit,
      textRunsOut,
      documentsTooShort,
      longDocumentShare,
      filterKeeps,
      overflowDrops,
      silentChats,
      sameText,
    ],
  },
  { needs: ["stage", "parallel"], checks: [ringDivides, ringTooFine] },
  { needs: ["stage", "parallel", "hardware"], checks: [devicesSplit] },
  { needs: ["stage", "model", "memory"], checks: [headGroupsDivide] },
  { needs: ["stage", "model", "train", "hardware"], checks: [orderOfSums, productsOnGpus] },
  {
    needs: ["stage", "parallel", "memory", "hardware"],
    checks: [efficiencyReached, peakIsDense, wallTimeReachable],
  },
  { needs: ["stage", "train"], checks: [learningRate, learningRateJump] },
  { needs: ["stage", "train", "rope"], checks: [loraFrozenNorms, adapterRank] },
  { needs: ["stage", "train"], checks: [carriedMoments, restartWithoutWarmup] },
  { needs: ["stage", "train", "rope"], checks: [contextCovered] },
  { needs: ["stage", "train", "rope", "evaluate"], checks: [contextShown] },
  { needs: ["stage", "train"], checks: [poseCoverage] },
  { needs: ["stage", "train", "data"], checks: [poseDocuments] },
  { needs: ["stage", "train", "parallel", "memory", "hardware"], checks: [memoryFits, memoryHere] },
  { needs: ["stage", "model", "evaluate", "hardware"], checks: [evaluationFits] },
  { needs: ["stage", "train", "export"], checks: [nothingToMerge, onlyMerged, adapterAlone] },
];
