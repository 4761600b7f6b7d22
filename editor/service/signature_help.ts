import { cursorAt } from "./cursor.ts";
import { aboutProperty, markdown, signatureOf } from "./markdown.ts";
import type { Position, SignatureHelp } from "./protocol.ts";
import type { Snapshot } from "./snapshot.ts";

/** The parameters of the innermost call around a position whose function is known, and which of them is being written. */
export function signatureHelpAt(snapshot: Snapshot, position: Position): SignatureHelp | undefined {
  const { calls } = cursorAt(snapshot, snapshot.offset(position));
  const call = [...calls].reverse().find(({ definition }) => definition);
  if (!call?.definition) return undefined;
  const { definition, argument, index } = call;
  const { label, places } = signatureOf(definition);
  const named = argument === null ? -1 : definition.parameters.findIndex(({ name }) => name === argument);
  const last = definition.parameters.length - 1;
  return {
    signatures: [
      {
        label,
        documentation: markdown(definition.doc, definition.formula ? `The same as \`${definition.formula}\`.` : ""),
        parameters: definition.parameters.map((parameter, k) => ({
          label: places[k]!,
          documentation: markdown(...aboutProperty(parameter)),
        })),
      },
    ],
    activeSignature: 0,
    activeParameter: named >= 0 ? named : definition.variadic ? Math.min(index, last) : index,
  };
}
