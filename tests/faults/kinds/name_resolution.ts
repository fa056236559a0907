/** Name servers that fail. */
import { reached } from "../endure.ts";
import { type NetworkFault, registerNetworkFaults } from "../network_rig.ts";

const NAME_FAULTS: readonly NetworkFault[] = [
  {
    name: "a silent name server causes timeout or dns failures until it ends",
    begin: ({ nameserver }) => nameserver.records = "silence",
    reason: ["timeout", "dns"],
    seen: 0,
    tasks: 80,
    // The system's resolver repeats a query only after a second.
    recoverySeconds: 3,
    check: reached("resolve"),
  },
  {
    name: "an unreachable name server causes dns failures until it ends",
    begin: ({ network }) =>
      network.impose(["OUTPUT", "-p", "udp", "--dport", "53", "-j", "REJECT"]),
    reason: "dns",
    seen: 0,
    check: reached("resolve"),
  },
  {
    name: "a firewall that forbids queries causes dns failures until it ends",
    begin: ({ network }) => network.impose(["OUTPUT", "-p", "udp", "--dport", "53", "-j", "DROP"]),
    // The system gets EPERM.
    reason: "dns",
    seen: 0,
    check: reached("resolve"),
  },
  {
    name: "NXDOMAIN causes dns failures until it ends",
    begin: ({ nameserver }) => nameserver.records = "NXDOMAIN",
    reason: "dns",
    seen: 0,
    check: reached("resolve"),
  },
  {
    name: "SERVFAIL causes dns failures until it ends",
    begin: ({ nameserver }) => nameserver.records = "SERVFAIL",
    reason: "dns",
    seen: 0,
    check: reached("resolve"),
  },
  {
    name: "a name without addresses causes dns failures until it ends",
    begin: ({ nameserver }) => nameserver.records = [],
    reason: "dns",
    seen: 0,
    check: reached("resolve"),
  },
];

registerNetworkFaults(NAME_FAULTS);
