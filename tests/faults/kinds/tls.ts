/** Certificates and TLS handshakes that fail. */
import { createAuthority, createSelfSigned } from "../../support/certificates.ts";
import { sharingTest, startLoop } from "../../support/program.ts";
import { forwardsTo, hang, sendsFirst } from "../behaviours.ts";
import { endure, type NamedFault, nameOf, reached } from "../endure.ts";
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
    fault: "an expired certificate",
    behaviour: ({ ports }) => forwardsTo(ports.expired),
    reason: "tls",
  },
  {
    fault: "a certificate for another name",
    behaviour: ({ ports }) => forwardsTo(ports.otherName),
    reason: "tls",
  },
  {
    fault: "a self-signed certificate",
    behaviour: ({ ports }) => forwardsTo(ports.selfSigned),
    reason: "tls",
  },
  {
    fault: "a certificate of an unknown authority",
    behaviour: ({ ports }) => forwardsTo(ports.unknown),
    reason: "tls",
  },
  {
    fault: "a port that speaks no TLS",
    behaviour: () => sendsFirst("HTTP/1.1 400 Bad Request\r\n\r\n"),
    reason: "tls",
  },
  {
    fault: "a TLS handshake that stalls",
    behaviour: () => hang,
    reason: "timeout",
    check: reached("resolve", "connect", "tls"),
  },
  {
    fault: "a TLS handshake that stalls half-way",
    behaviour: ({ ports }) => forwardsTo(ports.good, { bytes: 100, then: "hang" }),
    reason: "timeout",
    check: reached("resolve", "connect", "tls"),
  },
  {
    fault: "a connection closed before the TLS handshake",
    behaviour: () => (connection) => connection.readOneByte().then(() => connection.close()),
    reason: "reset",
    check: reached("resolve", "connect", "tls"),
  },
  {
    fault: "a connection closed in the TLS handshake",
    behaviour: ({ ports }) => forwardsTo(ports.good, { bytes: 100, then: "close" }),
    reason: "reset",
    check: reached("resolve", "connect", "tls"),
  },
];

const sharedRig = new SharedRig(startSecureRig);

for (const { fault: name, behaviour, ...fault } of TLS_FAULTS) {
  sharingTest(nameOf(name, fault.reason), async () => {
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
