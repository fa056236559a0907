/** Addresses that are far away and lose packets, or cannot be reached. */
import type { Packet, Rule } from "../slow_link.ts";
import {
  first,
  registerSlowCases,
  ROUND_TRIP_MS,
  slow,
  type SlowCase,
} from "../slow_connections.ts";

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

const CASES: readonly SlowCase[] = [
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

registerSlowCases(CASES);
