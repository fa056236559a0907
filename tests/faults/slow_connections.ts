/** Connections over a slow link: beside curl, in the same run. */
import { assert } from "@std/assert";
import { output } from "../container/buildah.ts";
import { isAvailable, run, test } from "../support/program.ts";
import { MANY_TRIES, undisturbed } from "../support/undisturbed.ts";
import { Nameserver } from "./nameserver.ts";
import { Network } from "./network.ts";
import { withoutNetwork } from "./network_rig.ts";
import { IS_CI } from "./rigs.ts";
import { type Rule, SlowLink } from "./slow_link.ts";

export const ROUND_TRIP_MS = 600;

/** More than curl takes is allowed for this share of it. */
const TOLERANCE = 0.1;

const NAME = "api.test";
const TASKS = 5;

const withoutTools = withoutNetwork || !IS_CI &&
    !await isAvailable("curl --version && test -w /dev/net/tun", "slow connections");

export type SlowCase = {
  name: string;
  /** What the name stands for, in this order. */
  records: (link: SlowLink) => readonly string[];
  /** Addresses at which nothing listens. */
  refused?: (link: SlowLink) => readonly string[];
  rule: (link: SlowLink) => Rule;
};

/** Every packet takes its time, and none is lost. */
export const slow: Rule = () => ROUND_TRIP_MS;

/** The first addresses of a link. */
export const first = ({ addresses }: SlowLink, count: number) => addresses.slice(0, count);

/** Tests that the probe takes as long as curl to connect, of which these cases are one each. */
export function registerSlowCases(cases: readonly SlowCase[]): void {
  for (const { name, records, refused = () => [], rule } of cases) {
    test(`a probe connects as fast as curl to ${name}`, async () => {
      await using network = await Network.create();
      await using link = await SlowLink.open(network);
      const addresses = records(link);
      await using _nameserver = await Nameserver.start(network.first, addresses);
      const port = 8080;
      await using _servers = listenOn([...link.addresses, link.sixth], refused(link), port);
      link.rule = rule(link);

      const resolved = addresses.map((each) => each.includes(":") ? `[${each}]` : each).join(",");
      await undisturbed(async () => {
        const written = await output(network.wrapper[0] ?? "", [
          ...network.wrapper.slice(1),
          ...["curl", "--silent", "--output", "/dev/null", "--noproxy", "*", "--max-time", "30"],
          ...["--resolve", `${NAME}:${port}:${resolved}`, "--write-out", "%{time_connect}"],
          `http://${NAME}:${port}/abc123`,
        ]);
        const curlSeconds = Number(written);
        const { code, stdout, stderr } = await run({
          wrapper: network.wrapper,
          args: ["--count", String(TASKS), "--json"],
          env: {
            DATASET_ID: "abc123",
            TASK_INTERVAL_SECONDS: "0.3",
            RETRIES: "0",
            OKDATA_API_URL: `http://${NAME}:${port}`,
          },
        });
        if (code !== 0) return stdout + stderr;
        const tasks: { phases: { connect: number } }[] = JSON.parse(stdout).tasks;
        // What else the machine does can only add to a time.
        const seconds = Math.min(...tasks.map(({ phases }) => phases.connect));
        console.log(`connect: ${seconds.toFixed(3)} s, curl ${curlSeconds.toFixed(3)} s`);
        assert(seconds >= ROUND_TRIP_MS / 1e3, `${seconds} s is less than a round trip`);
        if (seconds <= (1 + TOLERANCE) * curlSeconds) return null;
        return `${seconds} s, curl ${curlSeconds} s`;
      }, MANY_TRIES);
    }, { ignore: withoutTools });
  }
}

/** Servers of the dataset on these addresses, but for those that refuse. */
function listenOn(
  addresses: readonly string[],
  refused: readonly string[],
  port: number,
): AsyncDisposable {
  const servers = addresses.filter((address) => !refused.includes(address)).map((hostname) =>
    Deno.serve(
      { hostname, port, onListen() {} },
      () => Response.json({ Id: "abc123", Type: "Dataset" }),
    )
  );
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map((server) => server.shutdown()));
    },
  };
}
