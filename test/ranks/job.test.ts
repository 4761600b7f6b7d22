// What ranks do when a host cannot have its part, without an MPI: the job and the engine are stood in for.
import { describe, expect, test, vi } from "vitest";
import type { NativeAddon, NativeEngine, NativeEngineOptions, NativeRanks } from "../../runtime/engine/addon.ts";
import { crewEngine, endJob, follow, type Job } from "../../runtime/ranks/job.ts";

const options = (offload?: NativeEngineOptions["memory"]["offload"]) =>
  ({ device: "cpu", threads: 1, ring: 1, memory: { maxTokens: 16, offload } }) as unknown as NativeEngineOptions;

/** Rank 1 of 2 on one machine, told `words` by the leader. */
function job(words: unknown[] = []): Job {
  const left = words.map((word) => JSON.stringify(word));
  const ranks = {
    rank: 1,
    size: 2,
    here: 2,
    processors: 3,
    host: "there",
    library: "none",
    tell: vi.fn(),
    hear: () => left.shift()!,
    allDone: () => true,
    leave: vi.fn(),
    abort: vi.fn(),
  };
  const launch = { launcher: "a test", rank: 1, size: 2, remedy: "" };
  return { ranks: ranks as unknown as NativeRanks, launch, threads: null, broken: false };
}

const addon = (createEngine: (made: NativeEngineOptions) => Partial<NativeEngine>) =>
  ({ createEngine }) as unknown as NativeAddon;
const engine = (total: number) =>
  ({
    memory: () => ({ total, offloaded: 0, hostGradients: 0, hostMoments: 0 }),
    follow: vi.fn(),
    close: vi.fn(),
  }) as never;

describe("a rank above 0", () => {
  test("computes with its share of the processors, until the leader ends", async () => {
    const made = vi.fn((_: NativeEngineOptions) => engine(1));
    await follow(
      addon(made),
      job([{ kind: "hello", version: "1" }, { kind: "engine", options: options() }, { kind: "end" }]),
      "1",
    );
    expect(made.mock.calls[0]![0].threads).toBe(3);
  });

  test("of another version is refused", async () => {
    await expect(follow(addon(vi.fn()), job([{ kind: "hello", version: "2" }]), "1")).rejects.toThrow(
      "this is ctx 1, rank 0 runs 2",
    );
  });

  test("on a host with too little memory says so before the first page is taken", async () => {
    const words = [{ kind: "engine", options: options() }];
    await expect(
      follow(
        addon(() => engine(2 ** 60)),
        job(words),
        "1",
      ),
    ).rejects.toThrow(/^the 2 ranks here need .* of memory, and .* has .* left$/);
  });

  test("whose layer inputs find no disk names the folder and how to choose another", async () => {
    const words = [{ kind: "engine", options: options({ to: "file", folder: "/no/such/folder" }) }];
    const full = addon(() => {
      throw new Error("offload: No space left on device");
    });
    await expect(follow(full, job(words), "1")).rejects.toMatchObject({
      message: "offload: No space left on device",
      hint: expect.stringContaining("set TMPDIR on this host"),
    });
  });
});

describe("the end of a job", () => {
  test("is in good order where nothing is open", () => {
    const mine = job();
    endJob(mine, 0);
    expect(mine.ranks.leave).toHaveBeenCalled();
    expect(mine.ranks.abort).not.toHaveBeenCalled();
  });

  test("takes all ranks along where the leader's engine could not be made: they wait for it", () => {
    const mine = job();
    const refused = addon(() => {
      throw new Error("cannot start a thread");
    });
    expect(() => crewEngine(refused, mine, options())).toThrow("cannot start a thread");
    endJob(mine, 3);
    expect(mine.ranks.abort).toHaveBeenCalledWith(3);
  });
});
