/** Addresses that are far away, refuse, or lose packets: beside curl, in the same run. */
import { assert } from "@std/assert";
import { output } from "../../container/buildah.ts";
import { isAvailable, run, test } from "../../support/program.ts";
import { undisturbed } from "../../support/undisturbed.ts";
import { Nameserver } from "../nameserver.ts";
import { Network } from "../network.ts";
import { withoutNetwork } from "../network_rig.ts";
import { IS_CI } from "../rigs.ts";
import { type Packet, type Rule, SlowLink } from "../slow_link.ts";

const ROUND_TRIP_MS = 600;

/** More than curl takes is allowed for this share of it. */
const TOLERANCE = 0.1;

const NAME = "api.test";
const TASKS = 5;

const withoutTools = withoutNetwork || !IS_CI &&
    !await isAvailable("curl --version && test -w /dev/net/tun", "slow connections");

type SlowCase = {
  name: string;
  /** What the name stands for, in this order. */
  records: (link: SlowLink) => readonly string[];
  /** Addresses at which nothing listens. */
  refused?: (link: SlowLink) => readonly string[];
  rule: (link: SlowLink) => Rule;
};

const slow: Rule = () => ROUND_TRIP_MS;

/** The first packet of each connection to these destinations is lost. */
function losingSyns(matches: (packet: Packet) => boolean): Rule {
  const seen = new Set<string>();
  return (packet) => {
    const key = `${packet.destination} ${packet.sourcePort}`;
    if (!packet.isSyn || !matches(packet) || seen.has(key)) return ROUND_TRIP_MS;
    seen.add(key);
    return null;
  };
}

const first = ({ addresses }: SlowLink, count: number) => addresses.slice(0, count);

const SLOW_CASES: readonly SlowCase[] = [
  ...[1, 2, 4, 8].map((count): SlowCase => ({
    name: `${count} ${count === 1 ? "address" : "addresses"} 600 ms away`,
    records: (link) => first(link, count),
    rule: () => slow,
  })),
  ...[0, ROUND_TRIP_MS].flatMap((afterMs) =>
    [0, 1].map((index): SlowCase => ({
      name: `two addresses 600 ms away, of which number ${index + 1} refuses after ${afterMs} ms`,
      records: (link) => first(link, 2),
      refused: ({ addresses }) => addresses.slice(index, index + 1),
      rule: ({ addresses }) => ({ destination }) =>
        destination === addresses[index] ? afterMs : ROUND_TRIP_MS,
    }))
  ),
  {
    name: "an address 600 ms away that loses the first SYN",
    records: (link) => first(link, 1),
    rule: () => losingSyns(() => true),
  },
  {
    name: "two addresses 600 ms away, of which the first one loses the first SYN",
    records: (link) => first(link, 2),
    rule: ({ addresses }) => losingSyns(({ destination }) => destination === addresses[0]),
  },
  {
    name: "four addresses 600 ms away that lose the first SYN",
    records: (link) => first(link, 4),
    rule: () => losingSyns(() => true),
  },
  {
    name: "an address 600 ms away beside an IPv6 address without a route",
    records: (link) => ["2001:db8:ffff::1", ...first(link, 1)],
    rule: () => slow,
  },
  {
    name: "an address 600 ms away beside an IPv6 address that is silent",
    records: (link) => [link.sixth, ...first(link, 1)],
    rule: () => ({ destination }) => destination === "IPv6" ? null : ROUND_TRIP_MS,
  },
  {
    name: "an IPv6 address 600 ms away beside an IPv4 address that is silent",
    records: (link) => [link.sixth, ...first(link, 1)],
    rule: () => ({ destination }) => destination === "IPv6" ? ROUND_TRIP_MS : null,
  },
];

for (const { name, records, refused = () => [], rule } of SLOW_CASES) {
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
    });
  }, { ignore: withoutTools });
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
