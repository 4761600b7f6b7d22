import { type Analysis, analyze } from "../../compiler/analyze.ts";
import type { Edit, Place } from "../../compiler/diagnostics/diagnostic.ts";
import { Report } from "../../compiler/diagnostics/report.ts";
import type { Host } from "../../compiler/host.ts";
import { readSources, type Sources } from "../../compiler/names/imports.ts";
import type { FileNode, Span } from "../../grammar/ast.ts";
import { type Parsed, parse } from "../../grammar/parse.ts";
import { type Position, SourceText } from "../../grammar/text.ts";
import type { Location, Range, WorkspaceEdit } from "./protocol.ts";

/** What a recipe stands in: the same for all snapshots of a session. */
export interface Workspace {
  /** Reads files; of documents that are open, what is in the editor. */
  readonly host: Host;
  /** The document that a file's name stands for. */
  readonly uri: (file: string) => string;
  /** Where a diagnostic's page can be read, if anywhere. */
  readonly page?: (code: string) => string | undefined;
  /** `parse`, or one that remembers. */
  readonly parse?: (text: string) => Parsed;
  /** Completions may hold places to fill in. */
  readonly snippets?: boolean;
}

/**
 * A recipe as it was at one moment. Nothing in it changes; what is costly is worked out when first asked for: the tree, which
 * is enough to complete, fold and format, and the analysis, which says what it all comes to.
 */
export class Snapshot {
  #parsed: Parsed | undefined;
  #analysis: Analysis | undefined;
  #sources: Sources | undefined;
  readonly text: SourceText;

  constructor(
    /** Name of the recipe's file; paths in the recipe start from its folder. */
    readonly file: string,
    text: string,
    readonly workspace: Workspace,
  ) {
    this.text = new SourceText(text);
  }

  get parsed(): Parsed {
    this.#parsed ??= (this.workspace.parse ?? parse)(this.text.text);
    return this.#parsed;
  }

  get tree(): FileNode {
    return this.parsed.file;
  }

  get analysis(): Analysis {
    const { host } = this.workspace;
    this.#analysis ??= analyze(this.text.text, host, { file: this.file, parse: (text) => this.#parse(text) });
    return this.#analysis;
  }

  /** This file and those that it imports, as trees: the part of the analysis that costs little. */
  get sources(): Sources {
    const { host } = this.workspace;
    this.#sources ??=
      this.#analysis ?? readSources(this.text.text, this.file, host, new Report(), (text) => this.#parse(text));
    return this.#sources;
  }

  #parse(text: string): Parsed {
    return text === this.text.text ? this.parsed : (this.workspace.parse ?? parse)(text);
  }

  offset(position: Position): number {
    return this.text.offset(position);
  }

  range(span: Span): Range {
    return this.text.range(span);
  }

  /** Where a place of this file or of an imported one is; undefined of a file that was not read. */
  location(place: Place): Location | undefined {
    const text = place.file === this.file ? this.text : this.sources.texts.get(place.file);
    return text && { uri: this.workspace.uri(place.file), range: text.range(place) };
  }

  /** Edits as the protocol has them. Those of files that were not read are left out. */
  edit(edits: readonly Edit[]): WorkspaceEdit {
    const changes: { [uri: string]: { range: Range; newText: string }[] } = {};
    for (const edit of edits) {
      const at = this.location(edit);
      if (!at) continue;
      changes[at.uri] ??= [];
      changes[at.uri]!.push({ range: at.range, newText: edit.text });
    }
    return { changes };
  }
}

/** `parse` that remembers the latest texts: a recipe is changed one file at a time, and the others are as they were. */
export function rememberingParse(most = 32): (text: string) => Parsed {
  const known = new Map<string, Parsed>();
  return (text) => {
    const found = known.get(text) ?? parse(text);
    known.delete(text);
    known.set(text, found);
    if (known.size > most) known.delete(known.keys().next().value!);
    return found;
  };
}
