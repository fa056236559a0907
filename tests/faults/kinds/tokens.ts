/** Outages of the identity provider, the API, or both. */
import { assertEquals } from "@std/assert";
import { eventually, sharingTest, startLoop } from "../../support/program.ts";
import { startProvider } from "../../support/provider.ts";
import { respondsAndCloses, respondsAndResets, responseOf } from "../behaviours.ts";
import { endure, type NamedFault, tasksOf } from "../endure.ts";
import { FaultyTarget, healthy } from "../faulty_target.ts";
import { RATE, type Rig, SETTINGS, SharedRig } from "../rigs.ts";

/** A rig with a certified identity provider, whose tokens expire after a few seconds. */
type TokenRig = Rig & { provider: { start(): Promise<void>; stop(): Promise<void> } };

async function startTokenRig(): Promise<TokenRig> {
  // Disposed when the rig cannot be started.
  await using parts = new AsyncDisposableStack();
  const target = parts.use(new FaultyTarget());
  const client = { clientId: "probe-client", clientSecret: "s3cret-of-the-client" };
  let running = await startProvider({ ...client, lifetimeSeconds: 3 });
  const { port, tokenUrl } = running;
  const provider = {
    start: async () =>
      void (running = await startProvider({ ...client, port, lifetimeSeconds: 3 })),
    stop: () => running[Symbol.asyncDispose](),
  };
  parts.defer(() => provider.stop().catch(() => {}));
  const program = parts.use(
    await startLoop({
      env: {
        ...SETTINGS,
        OKDATA_API_URL: target.url,
        OKDATA_TOKEN_URL: tokenUrl,
        OKDATA_CLIENT_ID: client.clientId,
        OKDATA_CLIENT_SECRET: client.clientSecret,
      },
    }),
  );
  const { requests } = target;
  return { program, url: program.url, rate: RATE, requests, target, provider, parts: parts.move() };
}

/** Waits for a task that fails without a token. */
function untilTokenExpires({ url }: Rig): Promise<unknown> {
  return eventually(
    "the token has expired",
    async () => (await tasksOf(url, "?limit=1")).at(0)?.reason === "identity_provider",
  );
}

/** The probe requests a token again after 5 s at most. */
const BACKOFF_SECONDS = 6;

const OUTAGES: (NamedFault & { begin: (rig: TokenRig) => unknown })[] = [
  {
    name: "an API that is down while the provider is up causes server_error failures until it ends",
    begin: ({ target }) => target.behaviour = respondsAndCloses(responseOf("502 Bad Gateway", [])),
    reason: "server_error",
    seen: 1,
  },
  {
    name: "a provider that is down while the token is valid causes no failure",
    begin: ({ provider }) => provider.stop(),
    reason: null,
    seen: 1,
  },
  {
    name:
      "a provider that is down until the token has expired causes identity_provider failures until it ends",
    async begin(rig) {
      await rig.provider.stop();
      await untilTokenExpires(rig);
    },
    reason: "identity_provider",
    seen: 0,
    recoverySeconds: BACKOFF_SECONDS,
    check: (tasks) => tasks.forEach(({ attempts }) => assertEquals(attempts, [])),
  },
  {
    name:
      "an outage of provider and API until the token has expired causes identity_provider failures until it ends",
    async begin(rig) {
      rig.target.behaviour = respondsAndResets("");
      await rig.provider.stop();
      await untilTokenExpires(rig);
    },
    reason: "identity_provider",
    seen: 0,
    recoverySeconds: BACKOFF_SECONDS,
  },
];

const sharedRig = new SharedRig(startTokenRig);

for (const { name, begin, ...fault } of OUTAGES) {
  sharingTest(name, async () => {
    const rig = await sharedRig.get();
    const { target, provider } = rig;
    await endure(rig, {
      ...fault,
      begin: () => begin(rig),
      async end() {
        target.behaviour = healthy;
        await provider.stop().catch(() => {});
        await provider.start();
      },
    });
  });
}
