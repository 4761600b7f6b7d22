// Hosts of their own: two network namespaces with a cable between them, and mpirun starting ranks in both over its remote shell agent.
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { readMetrics } from "../../runtime/track/metrics.ts";
import { tinyFolder } from "../soak/tiny_cli.ts";
import { hasMpi, MPIRUN, start } from "./mpirun.ts";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const names = [`ctx-a-${process.pid}`, `ctx-b-${process.pid}`] as const;
const addresses = ["10.77.5.1", "10.77.5.2"] as const;

/** Makes namespaces and cable. false: not allowed here (needs root), or no `ip`. */
function plugIn(): boolean {
  const ip = (...words: string[]) => spawnSync("ip", words).status === 0;
  const [a, b] = names;
  if (!ip("netns", "add", a)) return false;
  const cable = `ctx${process.pid % 100000}`;
  return (
    ip("netns", "add", b) &&
    ip("link", "add", `${cable}a`, "netns", a, "type", "veth", "peer", "name", `${cable}b`, "netns", b) &&
    names.every((name, end) => {
      const link = `${cable}${"ab"[end]}`;
      return (
        ip("-n", name, "addr", "add", `${addresses[end]}/24`, "dev", link) &&
        ip("-n", name, "link", "set", link, "up") &&
        ip("-n", name, "link", "set", "lo", "up")
      );
    })
  );
}

function unplug(): void {
  for (const name of names) spawnSync("ip", ["netns", "del", name]);
}
const hasHosts = hasMpi && plugIn();
if (!hasHosts) unplug();

describe.skipIf(!hasHosts)("ranks on two hosts (needs MPI, root and network namespaces)", () => {
  let folder: string;
  let agent: string;

  beforeAll(() => {
    folder = tinyFolder([6, 4]);
    // What ssh is elsewhere: <agent> <host> <command>.
    agent = join(mkdtempSync(join(tmpdir(), "ctx-agent-")), "agent");
    const cases = addresses.map((address, end) => `${address}) name=${names[end]} ;;`).join("\n  ");
    writeFileSync(agent, `#!/bin/sh\ncase $1 in\n  ${cases}\nesac\nshift\nexec ip netns exec $name sh -c "$*"\n`);
    chmodSync(agent, 0o755);
  });
  afterAll(unplug);

  const over = (words: string[]) => {
    const hosts = addresses.map((address) => `${address}:2`).join(",");
    const settings = {
      plm_rsh_agent: agent,
      btl: "tcp,self",
      oob_tcp_if_include: "10.77.5.0/24",
      btl_tcp_if_include: "10.77.5.0/24",
    };
    const mca = Object.entries(settings).flatMap(([name, value]) => ["--mca", name, value]);
    return start(["ip", "netns", "exec", names[0], ...MPIRUN, "-H", hosts, "-n", "4", ...mca, ...words], folder);
  };

  test("learn what one process learns, and what they say goes through the cable", async () => {
    const ctx = [process.execPath, resolve("dist", "cli", "ctx.js"), "run", "plan.json", "--threads", "1"];
    const alone = await start([...ctx, "--out", "alone"], folder).ended;
    expect(alone.status, alone.stderr).toBe(0);
    const before = received();
    const { status, stderr } = await over([...ctx, "--out", "hosts"]).ended;
    expect(status, stderr).toBe(0);
    const [ours, theirs] = ["hosts", "alone"].map((root) => readMetrics(join(folder, root, "metrics.jsonl")));
    expect(ours!.map(({ step }) => step)).toEqual(theirs!.map(({ step }) => step));
    for (const [k, { loss }] of ours!.entries()) expect(Math.abs(loss! / theirs![k]!.loss! - 1)).toBeLessThan(1e-5);
    // Ten steps of gradients and values: ranks 2 and 3 are on the other side.
    expect(received() - before).toBeGreaterThan(1e6);
  });
});

/** Bytes that the first host has received on its cable. */
function received(): number {
  const text = execFileSync("ip", ["netns", "exec", names[0], "cat", "/proc/net/dev"], { encoding: "utf8" });
  const line = text.split("\n").find((each) => /^\s*ctx/.test(each))!;
  return Number(line.split(":")[1]!.trim().split(/\s+/)[0]);
}
