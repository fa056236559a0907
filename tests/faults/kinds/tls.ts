/** Certificates and TLS handshakes that fail. */
import { createAuthority, createSelfSigned } from "../../support/certificates.ts";
import { sharingTest, startLoop } from "../../support/program.ts";
import { forwardsTo, hang, sendsFirst } from "../behaviours.ts";
import { endure, type NamedFault, reached } from "../endure.ts";
import { type Behaviour, FaultyTarget } from "../faulty_target.ts";
import { RATE, type Rig, SETTINGS, SharedRig } from "../rigs.ts";

/** A rig whose target forwards to one of several TLS servers. */
type SecureRig = Rig & {
  /** Ports of servers, by their certificates. */
  ports: Record<"good" | "expired" | "otherName" | "selfSigned" | "unknown", number>;
};

async function startSecureRig(): Promise<SecureRig> {
  // Disposed when the rig cannot be started.
  await using parts = new AsyncDisposableStack();
  const target = parts.use(new FaultyTarget());
  const authority = await createAuthority();
  const file = await Deno.makeTempFile({ suffix: ".pem" });
  parts.defer(() => Deno.remove(file));
  await Deno.writeTextFile(file, authority.pem);
  const certificates = {
    good: await authority.issue("localhost"),
    expired: await authority.issue("localhost", -1),
    otherName: await authority.issue("example.org"),
    selfSigned: await createSelfSigned("localhost"),
    unknown: await (await createAuthority()).issue("localhost"),
  };
  const ports = Object.fromEntries(
    Object.entries(certificates).map(([name, { cert, key }]) => {
      const server = Deno.serve(
        { hostname: "127.0.0.1", port: 0, cert, key, onListen() {} },
        ({ url }) => Response.json({ Id: new URL(url).pathname.slice(1) }),
      );
      parts.defer(() => server.shutdown());
      return [name, server.addr.port];
    }),
  ) as SecureRig["ports"];
  target.behaviour = forwardsTo(ports.good);
  const program = parts.use(
    await startLoop({
      env: {
        ...SETTINGS,
        OKDATA_API_URL: `https://localhost:${target.port}`,
        DENO_CERT: file,
      },
    }),
  );
  return { program, url: program.url, rate: RATE, target, ports, parts: parts.move() };
}

const TLS_FAULTS: (NamedFault & { behaviour: (rig: SecureRig) => Behaviour })[] = [
  {
    name: "an expired certificate causes tls failures until it ends",
    behaviour: ({ ports }) => forwardsTo(ports.expired),
    reason: "tls",
  },
  {
    name: "a certificate for another name causes tls failures until it ends",
    behaviour: ({ ports }) => forwardsTo(ports.otherName),
    reason: "tls",
  },
  {
    name: "a self-signed certificate causes tls failures until it ends",
    behaviour: ({ ports }) => forwardsTo(ports.selfSigned),
    reason: "tls",
  },
  {
    name: "a certificate of an unknown authority causes tls failures until it ends",
    behaviour: ({ ports }) => forwardsTo(ports.unknown),
    reason: "tls",
  },
  {
    name: "a port that speaks no TLS causes tls failures until it ends",
    behaviour: () => sendsFirst("HTTP/1.1 400 Bad Request\r\n\r\n"),
    reason: "tls",
  },
  {
    name: "a TLS handshake that stalls causes timeout failures until it ends",
    behaviour: () => hang,
    reason: "timeout",
    check: reached("resolve", "connect", "tls"),
  },
  {
    name: "a TLS handshake that stalls half-way causes timeout failures until it ends",
    behaviour: ({ ports }) => forwardsTo(ports.good, { bytes: 100, then: "hang" }),
    reason: "timeout",
    check: reached("resolve", "connect", "tls"),
  },
  {
    name: "a connection closed before the TLS handshake causes reset failures until it ends",
    behaviour: () => (connection) => connection.readOneByte().then(() => connection.close()),
    reason: "reset",
    check: reached("resolve", "connect", "tls"),
  },
  {
    name: "a connection closed in the TLS handshake causes reset failures until it ends",
    behaviour: ({ ports }) => forwardsTo(ports.good, { bytes: 100, then: "close" }),
    reason: "reset",
    check: reached("resolve", "connect", "tls"),
  },
];

const sharedRig = new SharedRig(startSecureRig);

for (const { name, behaviour, ...fault } of TLS_FAULTS) {
  sharingTest(name, async () => {
    const rig = await sharedRig.get();
    const { target } = rig;
    await endure(rig, {
      ...fault,
      begin: () => target.behaviour = behaviour(rig),
      end() {
        target.behaviour = forwardsTo(rig.ports.good);
        target.hangUp();
      },
    });
  });
}
