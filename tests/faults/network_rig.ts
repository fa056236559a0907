import { isAvailable, sharingTest, startLoop } from "../support/program.ts";
import { endure, type NamedFault } from "./endure.ts";
import { FaultyTarget } from "./faulty_target.ts";
import { Nameserver } from "./nameserver.ts";
import { Network } from "./network.ts";
import { IS_CI, RATE, type Rig, SETTINGS, SharedRig } from "./rigs.ts";

/** Whether networks and mounts of their own cannot be made here. */
export const withoutNetwork = !IS_CI && !await isAvailable(
  "unshare --net iptables --list-rules && ip -Version",
  "faults of the network and of name resolution",
);

/** A rig whose program runs in a network of its own, and finds its target by name. */
type NetworkRig = Rig & { network: Network; nameserver: Nameserver };

const NAME = "api.test";

/** A fault between the program and its target. */
export type NetworkFault = NamedFault & {
  begin: (rig: NetworkRig) => unknown;
  /** Ends the fault when that is more than to repair everything. */
  end?: (rig: NetworkRig) => unknown;
};

/** Rules of iptables that match packets to and from the target. */
export const toTarget = ({ target }: Rig) => [
  "OUTPUT",
  "-p",
  "tcp",
  "--dport",
  String(target.port),
];
export const fromTarget = ({ target }: Rig) => [
  "INPUT",
  "-p",
  "tcp",
  "--sport",
  String(target.port),
];

const sharedRig = new SharedRig(startNetworkRig);

export function registerNetworkFaults(faults: readonly NetworkFault[]): void {
  for (const { name, begin, end, ...fault } of faults) {
    sharingTest(name, async () => {
      const rig = await sharedRig.get();
      const { network, nameserver, target } = rig;
      const repair = async () => {
        await network.lift();
        nameserver.records = [network.first];
        target.hangUp();
      };
      await endure(rig, { ...fault, begin: () => begin(rig), end: () => (end ?? repair)(rig) });
      await repair();
    }, { ignore: withoutNetwork });
  }
}

async function startNetworkRig(): Promise<NetworkRig> {
  // Disposed when the rig cannot be started.
  await using parts = new AsyncDisposableStack();
  const network = parts.use(await Network.create());
  const nameserver = parts.use(await Nameserver.start(network.first, [network.first]));
  const target = parts.use(new FaultyTarget());
  const program = parts.use(
    await startLoop({
      wrapper: network.wrapper,
      env: {
        ...SETTINGS,
        OKDATA_API_URL: `http://${NAME}:${target.port}`,
        // Where one family is dead, the other is tried only after a while.
        REQUEST_TIMEOUT_SECONDS: "0.8",
      },
    }),
  );
  const url = program.url.replace("localhost", network.inside);
  const { requests } = target;
  return { program, url, rate: RATE, requests, target, network, nameserver, parts: parts.move() };
}
