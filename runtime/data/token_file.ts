import { createHash, type Hash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { type FileHandle, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseJson } from "../../compiler/json.ts";
import { sha256, writeSynced } from "../run/files.ts";
import { DataError, reason, unreadable } from "./data_error.ts";

/**
 * A folder of tokenised documents:
 *
 * - `tokens.bin`: u32 little endian, all documents one after another. Bit 31 marks a token that is never a target of the loss.
 * - `index.bin`: u64 little endian, where each document starts, and the end (documents + 1 entries, in tokens).
 * - `manifest.json`: sizes and SHA-256 of both.
 */

/** Marks tokens that the loss leaves out (what the user says in a chat). */
export const NO_LOSS = 0x8000_0000;

const VERSION = 1;

/** What to do about tokens that are not what they should be. */
const DELETE = "delete this folder: the text is tokenised anew then";
const BUFFER_TOKENS = 2 ** 18;

export interface TokenManifest {
  version: number;
  documents: number;
  tokens: number;
  /** Documents that were passed over because they hold no text. */
  empty: number;
  /** Largest token id; -1 when there are no tokens. */
  largest_id: number;
  sha256: { tokens: string; index: string };
}

/** A file written front to back with a running hash. */
class HashedFile {
  readonly hash: Hash = createHash("sha256");
  private constructor(private readonly handle: FileHandle) {}

  static async create(path: string): Promise<HashedFile> {
    return new HashedFile(await open(path, "wx"));
  }

  async write(data: Uint8Array): Promise<void> {
    this.hash.update(data);
    for (let done = 0; done < data.length; ) done += (await this.handle.write(data, done)).bytesWritten;
  }

  async finish(): Promise<string> {
    await this.handle.sync();
    await this.handle.close();
    return this.hash.digest("hex");
  }

  async abandon(): Promise<void> {
    await this.handle.close().catch(() => undefined);
  }
}

/** Writes the three files into an existing folder. */
export class TokenWriter {
  private readonly offsets: number[] = [0];
  private readonly buffer = new Uint32Array(BUFFER_TOKENS);
  private filled = 0;
  private tokens = 0;
  private largest = -1;
  empty = 0;

  private constructor(
    private readonly folder: string,
    private readonly file: HashedFile,
  ) {}

  static async create(folder: string): Promise<TokenWriter> {
    return new TokenWriter(folder, await HashedFile.create(join(folder, "tokens.bin")));
  }

  /** Appends tokens to the current document; `noLoss[i]` = 1 keeps token i out of the loss. */
  async append(ids: ArrayLike<number>, noLoss?: Uint8Array): Promise<void> {
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i]!;
      if (id > this.largest) this.largest = id;
      if (this.filled === BUFFER_TOKENS) await this.flush();
      this.buffer[this.filled++] = noLoss?.[i] ? id + NO_LOSS : id;
    }
    this.tokens += ids.length;
  }

  endDocument(): void {
    this.offsets.push(this.tokens);
  }

  async finish(): Promise<void> {
    await this.flush();
    const tokens = await this.file.finish();
    const index = await HashedFile.create(join(this.folder, "index.bin"));
    await index.write(new Uint8Array(BigUint64Array.from(this.offsets, BigInt).buffer));
    const manifest: TokenManifest = {
      version: VERSION,
      documents: this.offsets.length - 1,
      tokens: this.tokens,
      empty: this.empty,
      largest_id: this.largest,
      sha256: { tokens, index: await index.finish() },
    };
    writeSynced(join(this.folder, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  }

  async abandon(): Promise<void> {
    await this.file.abandon();
  }

  private async flush(): Promise<void> {
    if (this.filled > 0) await this.file.write(new Uint8Array(this.buffer.buffer, 0, this.filled * 4).slice());
    this.filled = 0;
  }
}

/** Reads a folder of tokenised documents; any range of any document in one system call. */
export class TokenFile {
  private constructor(
    readonly manifest: TokenManifest,
    /** [documents + 1] start of each document in tokens. */
    readonly offsets: Float64Array,
    private readonly path: string,
    private readonly descriptor: number,
  ) {}

  /**
   * Opens and verifies every byte (SHA-256, a second for each GB or so).
   *
   * @throws DataError saying what doesn't fit
   */
  static async open(folder: string): Promise<TokenFile> {
    const file = join(folder, "manifest.json");
    let manifest: TokenManifest;
    try {
      manifest = parseJson(await readFile(file, "utf8")) as TokenManifest;
    } catch (error) {
      throw new DataError(reason(error), DELETE, { file });
    }
    const { documents, tokens, empty, largest_id } = (manifest ?? {}) as Partial<TokenManifest>;
    if (![documents, tokens, empty, largest_id].every(Number.isSafeInteger))
      throw new DataError("documents, tokens, empty and largest_id must be whole numbers", DELETE, { file });
    if (manifest?.version !== VERSION)
      throw new DataError(`not a token manifest of version ${VERSION}`, DELETE, { file });
    const path = (name: string) => join(folder, name);
    for (const name of ["tokens", "index"] as const)
      if ((await sha256(path(`${name}.bin`)).catch(reason)) !== manifest.sha256?.[name])
        throw new DataError("damaged: the checksum differs", DELETE, { file: path(`${name}.bin`) });
    const bytes = await readFile(path("index.bin"));
    const entries = bytes.length / 8;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const offsets = Float64Array.from({ length: entries }, (_, i) => Number(view.getBigUint64(8 * i, true)));
    if (entries !== manifest.documents + 1 || offsets[entries - 1] !== manifest.tokens)
      throw new DataError("the index doesn't fit the manifest", DELETE, { file: path("index.bin") });
    return new TokenFile(manifest, offsets, path("tokens.bin"), openSync(path("tokens.bin"), "r"));
  }

  /**
   * Tokens [from, from + count) of the whole file, with their NO_LOSS bits.
   *
   * @throws DataError naming the file when the disk does not give them
   */
  read(from: number, count: number): Uint32Array {
    const tokens = new Uint32Array(count);
    const bytes = new Uint8Array(tokens.buffer);
    for (let done = 0; done < bytes.length; ) {
      const got = this.readBytes(bytes, done, from * 4 + done);
      if (got === 0)
        throw new DataError(`ends before tokens ${from} … ${from + count}; was it changed meanwhile?`, DELETE, {
          file: this.path,
        });
      done += got;
    }
    return tokens;
  }

  private readBytes(to: Uint8Array, offset: number, position: number): number {
    try {
      return readSync(this.descriptor, to, offset, to.length - offset, position);
    } catch (error) {
      throw unreadable(this.path, error);
    }
  }

  close(): void {
    closeSync(this.descriptor);
  }
}
