/** Networks that drop or refuse packets, and addresses that die. */
import { assert } from "@std/assert";
import { reached } from "../endure.ts";
import { fromTarget, type NetworkFault, registerNetworkFaults, toTarget } from "../network_rig.ts";

const NETWORK_FAULTS: readonly NetworkFault[] = [
  {
    name: "a network that drops SYNs causes timeout failures until it ends",
    begin: (rig) => rig.network.impose([...toTarget(rig), "-j", "DROP"]),
    reason: "timeout",
    seen: 0,
    check: reached("resolve", "connect"),
  },
  {
    name: "a peer that vanishes once connected causes timeout failures until it ends",
    begin: (rig) =>
      rig.network.impose(
        [...fromTarget(rig), "--tcp-flags", "ALL", "SYN,ACK", "-j", "ACCEPT"],
        [...fromTarget(rig), "-j", "DROP"],
      ),
    reason: "timeout",
    check: reached("resolve", "connect", "processing"),
  },
  {
    name: "an unreachable host causes connect failures until it ends",
    begin: (rig) =>
      rig.network.impose([
        ...toTarget(rig),
        "-j",
        "REJECT",
        "--reject-with",
        "icmp-host-unreachable",
      ]),
    reason: "connect",
    seen: 0,
    check: reached("resolve", "connect"),
  },
  {
    name: "a refused port causes connect failures until it ends",
    begin: (rig) =>
      rig.network.impose([...toTarget(rig), "-j", "REJECT", "--reject-with", "tcp-reset"]),
    reason: "connect",
    seen: 0,
    check: reached("resolve", "connect"),
  },
  ...(["prohibit", "blackhole", "unreachable"] as const).map((kind): NetworkFault => ({
    name: `a route of the kind ${kind} causes connect failures until it ends`,
    async begin({ network, nameserver }) {
      // The name server is at the first address.
      nameserver.records = [network.second];
      await network.route("add", kind, network.second);
    },
    async end({ network, nameserver }) {
      await network.route("del", network.second);
      nameserver.records = [network.first];
    },
    reason: "connect",
    seen: 0,
    check: reached("resolve", "connect"),
  })),
  ...["icmp-proto-unreachable", "icmp-net-unreachable", "icmp-admin-prohibited"].map(
    (message): NetworkFault => ({
      name: `a firewall that sends ${message} causes connect failures until it ends`,
      begin: (rig) =>
        rig.network.impose([...toTarget(rig), "-j", "REJECT", "--reject-with", message]),
      reason: "connect",
      seen: 0,
      check: reached("resolve", "connect"),
    }),
  ),
  {
    name: "an IPv6 address without a route causes connect failures until it ends",
    begin: ({ nameserver }) => nameserver.records = ["2001:db8:ffff::1"],
    reason: "connect",
    seen: 0,
    check: reached("resolve", "connect"),
  },
  {
    name:
      "an address that dies before its name moves to another one causes timeout failures until it ends",
    begin: (rig) =>
      rig.network.impose([...toTarget(rig), "--dst", rig.network.first, "-j", "DROP"]),
    end: ({ network, nameserver }) => nameserver.records = [network.second],
    reason: "timeout",
    seen: 0,
  },
  {
    name: "a target that moves to IPv6 alone causes no failure",
    begin: ({ network, nameserver }) => nameserver.records = [network.sixth],
    reason: null,
    seen: 1,
  },
  {
    name: "a dead IPv6 address beside IPv4 causes no failure",
    async begin(rig) {
      const { network, nameserver } = rig;
      await network.imposeOnIPv6([...fromTarget(rig), "-j", "DROP"]);
      nameserver.records = [network.sixth, network.first];
    },
    reason: null,
    seen: 1,
    // The system prefers IPv6, so that it is tried first.
    check(tasks) {
      for (const { phases } of tasks) assert((phases.connect ?? 0) > 0.2, `${phases.connect} s`);
    },
  },
  {
    name: "a dead IPv4 address beside IPv6 causes no failure",
    async begin(rig) {
      const { network, nameserver } = rig;
      await network.impose([...toTarget(rig), "-j", "DROP"]);
      nameserver.records = [network.sixth, network.first];
    },
    reason: null,
    seen: 1,
  },
];

registerNetworkFaults(NETWORK_FAULTS);
