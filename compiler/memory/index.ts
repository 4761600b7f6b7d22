/** What a run needs in memory, to the byte. */
export { deviceLedger, type LedgerOptions } from "./ledger.ts";
