/** How much memory an engine takes, before it takes any. */
export { deviceLedger, type LedgerOptions, offloadedBytes } from "./ledger.ts";
