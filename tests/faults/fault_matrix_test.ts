/** The main loop while the world breaks: each fault comes over a probe that is well, and goes. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import {
  answerOf,
  answers,
  BOMB,
  brotli,
  chunked,
  closesAfter,
  datasetUnder,
  forwardsTo,
  gzip,
  hang,
  joined,
  packed,
  repeats,
  resetsAfter,
  speaksFirst,
} from "./behaviours.ts";
import {
  checkedScrape,
  checkSchedule,
  endure,
  type Fault,
  lags,
  nextSeqno,
  type Probing,
  type Task,
  tasksOf,
} from "./endure.ts";
import { Nameserver } from "./nameserver.ts";
import { Network } from "./network.ts";
import { type Behaviour, dataset, healthy, Saboteur } from "./saboteur.ts";
import { isAlive, residentBytes, vitalsOf } from "./vitals.ts";
import { output } from "../container/buildah.ts";
import { createAuthority, createSelfSigned } from "../support/certificates.ts";
import { startProvider } from "../support/provider.ts";
import {
  eventually,
  isAvailable,
  Program,
  sharingTest,
  type Start,
  startLoop,
} from "../support/program.ts";
import { scrape } from "../support/scrape.ts";
import { occupyPort } from "../support/targets.ts";

/** As many datasets as there are loops: a second's tasks come evenly, and each loop has time. */
const DATASETS = 30;
const INTERVAL_SECONDS = 0.5;
const RATE = DATASETS / INTERVAL_SECONDS;

const SETTINGS = {
  DATASET_ID: Array.from({ length: DATASETS }, (_, i) => `set-${i}`).join(","),
  TASK_INTERVAL_SECONDS: String(INTERVAL_SECONDS),
  REQUEST_TIMEOUT_SECONDS: "0.3",
  RETRIES: "0",
};

/** A program and what it probes, with all that keeps it going. */
type Rig = Probing & { saboteur: Saboteur; parts: AsyncDisposableStack };

/** One rig for many tests, started at the first one and again where a fault has ended it. */
class Shared<R extends Rig> {
  #rig: R | null = null;

  constructor(private readonly start: () => Promise<R>) {
    Deno.test.afterAll(() => this.#end());
  }

  async get(): Promise<R> {
    if (this.#rig && !isAlive(this.#rig.program.pid)) await this.#end();
    return this.#rig ??= await this.start();
  }

  async #end(): Promise<void> {
    const rig = this.#rig;
    this.#rig = null;
    await rig?.parts.disposeAsync();
  }
}

/** A program whose target is on this machine, without credentials. */
async function startRig(start: Start = {}): Promise<Rig> {
  const parts = new AsyncDisposableStack();
  const saboteur = parts.use(new Saboteur());
  const program = parts.use(
    await startLoop({
      ...start,
      env: { ...SETTINGS, OKDATA_API_URL: saboteur.url, ...start.env },
    }),
  );
  const { requests } = saboteur;
  return { program, url: program.url, rate: RATE, requests, saboteur, parts };
}

/** What a target does that goes wrong, and what every task says of it. */
type Sabotage = Omit<Fault, "begin" | "end"> & { name: string; behaviour: Behaviour };

const OK = "HTTP/1.1 200 OK\r\n";
const MEBIBYTE = 1024 * 1024;

const SABOTAGES: Sabotage[] = [
  // What every user's client would call a refusal.
  {
    name: "401: unauthorized, and well again",
    behaviour: closesAfter(answerOf("401 Unauthorized", [], "who?")),
    reason: "unauthorized",
    seen: 1,
    check: (tasks) => assertEquals(tasks[0].body, "who?"),
  },
  {
    name: "403: unauthorized, and well again",
    behaviour: closesAfter(answerOf("403 Forbidden", [])),
    reason: "unauthorized",
    seen: 1,
  },
  {
    name: "404: not_found, and well again",
    behaviour: closesAfter(answerOf("404 Not Found", [])),
    reason: "not_found",
    seen: 1,
  },
  {
    name: "429 with a Retry-After of a day: rate_limited, and well again at once",
    behaviour: closesAfter(answerOf("429 Too Many Requests", ["Retry-After: 86400"])),
    reason: "rate_limited",
    seen: 1,
  },
  {
    name: "503 with a Retry-After that no number holds: server_error, and well again",
    behaviour: closesAfter(answerOf("503 Unavailable", [`Retry-After: ${"9".repeat(400)}`])),
    reason: "server_error",
    seen: 1,
  },
  {
    name: "204: http, and well again",
    behaviour: closesAfter("HTTP/1.1 204 No Content\r\n\r\n"),
    reason: "http",
    seen: 1,
  },
  {
    name: "204 with a body that it must not have: http, and well again",
    behaviour: closesAfter(answerOf("204 No Content", [], "nothing")),
    reason: "http",
    seen: 1,
  },
  {
    name: "304, which nobody asked for: http, and well again",
    behaviour: closesAfter("HTTP/1.1 304 Not Modified\r\n\r\n"),
    reason: "http",
    seen: 1,
  },
  {
    name: "a redirect to itself: http, and well again",
    behaviour: closesAfter(answerOf("301 Moved", ["Location: /"])),
    reason: "http",
    seen: 1,
  },
  {
    name: "a status of 999: http, and well again",
    behaviour: closesAfter(answerOf("999 Beyond", [])),
    reason: "http",
    seen: 1,
  },

  // Targets that do not answer, or not to the end.
  {
    name: "a target that reads and never answers: timeout, and well again",
    behaviour: answers(""),
    reason: "timeout",
    seen: 1,
  },
  {
    name: "a target that accepts and never reads: timeout, and well again",
    behaviour: hang,
    reason: "timeout",
    seen: 0,
  },
  {
    name: "a target that sends headers and no body: timeout, and well again",
    behaviour: answers(`${OK}Content-Length: 100\r\n\r\n`),
    reason: "timeout",
    seen: 1,
  },
  {
    name: "a body that drips: timeout, and well again",
    behaviour: repeats(`${OK}Content-Length: 100000\r\n\r\n`, " ", 20),
    reason: "timeout",
    seen: 1,
  },
  {
    name: "headers that drip: timeout, and well again",
    behaviour: repeats(OK, "X: y\r\n", 20),
    reason: "timeout",
    seen: 1,
  },
  {
    name: "an HTTP/1.0 answer without an end: timeout, and well again",
    behaviour: answers("HTTP/1.0 200 OK\r\n\r\n{}"),
    reason: "timeout",
    seen: 1,
  },
  {
    name: "only an interim answer: timeout, and well again",
    behaviour: answers("HTTP/1.1 100 Continue\r\n\r\n"),
    reason: "timeout",
    seen: 1,
  },
  {
    name: "more bytes promised than sent, without an end: timeout, and well again",
    behaviour: answers((c) => `${OK}Content-Length: 500\r\n\r\n${dataset(c)}`),
    reason: "timeout",
    seen: 1,
  },

  // Connections that break.
  {
    name: "a storm of resets before the headers: reset, and well again",
    behaviour: resetsAfter(""),
    reason: "reset",
    tasks: 40,
  },
  {
    name: "resets in the headers: reset, and well again",
    behaviour: resetsAfter(OK),
    reason: "reset",
  },
  {
    name: "resets in the body: reset, and well again",
    behaviour: resetsAfter(`${OK}Content-Length: 100\r\n\r\n{"Id":`),
    reason: "reset",
  },
  {
    name: "an end before the headers: reset, and well again",
    behaviour: closesAfter(""),
    reason: "reset",
    seen: 1,
  },
  {
    name: "an end after an interim answer: reset, and well again",
    behaviour: closesAfter("HTTP/1.1 100 Continue\r\n\r\n"),
    reason: "reset",
    seen: 1,
  },
  {
    name: "more bytes promised than sent: reset, and well again",
    behaviour: closesAfter((c) => `${OK}Content-Length: 500\r\n\r\n${dataset(c)}`),
    reason: "reset",
    seen: 1,
  },
  {
    name: "chunks that end early: reset, and well again",
    behaviour: closesAfter(chunked("")),
    reason: "reset",
    seen: 1,
  },

  // Answers that are not what they should be.
  {
    name: "what is not HTTP: invalid_response, and well again",
    behaviour: answers("SSH-2.0-OpenSSH_9.2\r\n"),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "HTTP/2 to who has not asked for it: invalid_response, and well again",
    behaviour: answers(new Uint8Array([0, 0, 0, 4, 0, 0, 0, 0, 0])),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "fewer bytes promised than sent: invalid_response, and well again",
    behaviour: closesAfter((c) => `${OK}Content-Length: 5\r\n\r\n${dataset(c)}`),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "two lengths: invalid_response, and well again",
    behaviour: closesAfter(datasetUnder("Content-Length: 5")),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "a length and chunks: invalid_response, and well again",
    behaviour: closesAfter(datasetUnder("Transfer-Encoding: chunked")),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "a chunk longer than any memory: invalid_response, and well again",
    behaviour: closesAfter(`${OK}Transfer-Encoding: chunked\r\n\r\n${"f".repeat(18)}\r\n{}`),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "a header of a megabyte: invalid_response, and well again",
    behaviour: closesAfter(datasetUnder(`X: ${"x".repeat(MEBIBYTE)}`)),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "a flood of headers: invalid_response, and well again",
    behaviour: closesAfter(datasetUnder(...Array(20_000).fill("X: y"))),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "headers without end: invalid_response, and well again",
    behaviour: repeats(OK, `X: ${"x".repeat(1000)}\r\n`),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "trailers without end: invalid_response, and well again",
    behaviour: async (connection) => {
      await answers(chunked("0\r\n"))(connection);
      for (;;) await connection.write(`X: ${"x".repeat(1000)}\r\n`);
    },
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "interim answers without end: invalid_response, and well again",
    behaviour: repeats("", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".repeat(40), 1),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "a body without end: invalid_response, and well again",
    behaviour: repeats(`${OK}\r\n`, "x".repeat(10_000)),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "a bomb of gzip: invalid_response, and well again",
    behaviour: closesAfter(answerOf("200 OK", ["Content-Encoding: gzip"], BOMB)),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "gzip that is cut: invalid_response, and well again",
    behaviour: closesAfter(packed((text) => gzip(text).subarray(0, -6), "gzip")),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "gzip with something behind it: invalid_response, and well again",
    behaviour: closesAfter(packed((text) => joined(gzip(text), "more"), "gzip")),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "gzip that is none: invalid_response, and well again",
    behaviour: closesAfter(datasetUnder("Content-Encoding: gzip")),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "an encoding that nobody asked for: invalid_response, and well again",
    behaviour: closesAfter(packed(brotli, "br")),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "another dataset's answer: invalid_response, and well again",
    behaviour: closesAfter(answerOf("200 OK", [], '{"Id":"another"}')),
    reason: "invalid_response",
    seen: 1,
  },
  {
    name: "JSON tens of thousands deep: invalid_response, and well again",
    behaviour: closesAfter(answerOf("200 OK", [], "[".repeat(30_000) + "]".repeat(30_000))),
    reason: "invalid_response",
    seen: 1,
  },

  // Odd, and yet the dataset.
  {
    name: "an answer of just under a mebibyte: no failure",
    behaviour: closesAfter(answerOf("200 OK", [], (c) => dataset(c, MEBIBYTE - 100))),
    reason: null,
    seen: 1,
  },
  {
    name: "an answer of just under a mebibyte in a kilobyte of gzip: no failure",
    behaviour: closesAfter(
      answerOf("200 OK", ["Content-Encoding: gzip"], (c) => gzip(dataset(c, MEBIBYTE - 100))),
    ),
    reason: null,
    seen: 1,
  },
  {
    name: "something behind a whole answer: no failure",
    behaviour: async (connection) => {
      await answers(datasetUnder())(connection);
      await connection.write("and more of it\r\n");
      connection.close();
    },
    reason: null,
    seen: 1,
  },
  {
    name: "a whole answer over HTTP/1.0: no failure",
    behaviour: closesAfter((c) => `HTTP/1.0 200 OK\r\n\r\n${dataset(c)}`),
    reason: null,
    seen: 1,
  },
  {
    name: "chunks with a trailer: no failure",
    behaviour: closesAfter(chunked("0\r\nX: y\r\n\r\n")),
    reason: null,
    seen: 1,
  },
  {
    name: "a whole answer on a connection that is never closed: no failure",
    behaviour: answers(datasetUnder()),
    reason: null,
    seen: 1,
  },
];

const local = new Shared(startRig);

for (const { name, behaviour, ...fault } of SABOTAGES) {
  sharingTest(name, async () => {
    const rig = await local.get();
    const { saboteur } = rig;
    await endure(rig, {
      ...fault,
      begin: () => saboteur.behaviour = behaviour,
      end() {
        saboteur.behaviour = healthy;
        saboteur.hangUp();
      },
    });
  });
}

sharingTest("a target that takes no more connections: timeout, and well again", async () => {
  const rig = await local.get();
  const { saboteur } = rig;
  await endure(rig, {
    reason: "timeout",
    // More than the system takes in the target's place.
    tasks: 40,
    begin() {
      // The connection that it waits for already.
      saboteur.behaviour = hang;
      saboteur.pause();
    },
    end() {
      saboteur.behaviour = healthy;
      saboteur.resume();
    },
    check(tasks) {
      const [first, last] = [tasks.at(0)!, tasks.at(-1)!];
      assertEquals(Object.keys(first.phases), ["connect", "processing"]);
      assertEquals(Object.keys(last.phases), ["connect"]);
    },
  });
});

const CI = Deno.env.get("CI") === "true";
const withoutNetwork = !CI && !await isAvailable(
  "unshare --net iptables --list-rules && ip -Version",
  "faults of the network and of name resolution",
);

/** A rig whose program runs in a network of its own, and finds its target by name. */
type NetworkRig = Rig & { network: Network; nameserver: Nameserver };

const NAME = "api.test";

async function startNetworkRig(): Promise<NetworkRig> {
  const parts = new AsyncDisposableStack();
  const network = parts.use(await Network.create());
  const nameserver = parts.use(await Nameserver.start(network.first, [network.first]));
  const saboteur = parts.use(new Saboteur());
  const program = parts.use(
    await startLoop({
      wrapper: network.wrapper,
      env: {
        ...SETTINGS,
        OKDATA_API_URL: `http://${NAME}:${saboteur.port}`,
        // Where one family is dead, the other is tried after half a second.
        REQUEST_TIMEOUT_SECONDS: "0.8",
      },
    }),
  );
  const url = program.url.replace("localhost", network.inside);
  const { requests } = saboteur;
  return { program, url, rate: RATE, requests, saboteur, network, nameserver, parts };
}

/** What goes wrong on the way to the target. */
type Breach = Omit<Fault, "begin" | "end"> & {
  name: string;
  begin: (rig: NetworkRig) => unknown;
  /** What is left broken afterwards; by default nothing is. */
  end?: (rig: NetworkRig) => unknown;
};

/** The phases that each task has reached. */
const reached = (...phases: string[]): Fault["check"] => (tasks) => {
  for (const task of tasks) assertEquals(Object.keys(task.phases), phases, task.trace_id);
};

const toTarget = ({ saboteur }: Rig) => ["OUTPUT", "-p", "tcp", "--dport", String(saboteur.port)];
const fromTarget = ({ saboteur }: Rig) => ["INPUT", "-p", "tcp", "--sport", String(saboteur.port)];

const BREACHES: Breach[] = [
  {
    name: "a black hole for SYNs: timeout, and well again",
    begin: (rig) => rig.network.impose([...toTarget(rig), "-j", "DROP"]),
    reason: "timeout",
    seen: 0,
    check: reached("resolve", "connect"),
  },
  {
    name: "a peer that vanishes once connected: timeout, and well again",
    begin: (rig) =>
      rig.network.impose(
        [...fromTarget(rig), "--tcp-flags", "ALL", "SYN,ACK", "-j", "ACCEPT"],
        [...fromTarget(rig), "-j", "DROP"],
      ),
    reason: "timeout",
    check: reached("resolve", "connect", "processing"),
  },
  {
    name: "a host that is not reachable: connect, and well again",
    begin: (rig) =>
      rig.network.impose([
        ...[...toTarget(rig), "-j", "REJECT", "--reject-with", "icmp-host-unreachable"],
      ]),
    reason: "connect",
    seen: 0,
    check: reached("resolve", "connect"),
  },
  {
    name: "a port that is refused: connect, and well again",
    begin: (rig) =>
      rig.network.impose([...toTarget(rig), "-j", "REJECT", "--reject-with", "tcp-reset"]),
    reason: "connect",
    seen: 0,
    check: reached("resolve", "connect"),
  },
  {
    name: "a nameserver that is silent: timeout, the log is not held up, and well again",
    begin: ({ nameserver }) => nameserver.answers = "silence",
    reason: ["timeout", "dns"],
    seen: 0,
    tasks: 80,
    // The system's resolver asks again by itself only after its own second.
    recoverySeconds: 3,
    check: reached("resolve"),
  },
  {
    name: "a nameserver that is not there: dns, and well again",
    begin: ({ network }) =>
      network.impose(["OUTPUT", "-p", "udp", "--dport", "53", "-j", "REJECT"]),
    reason: "dns",
    seen: 0,
    check: reached("resolve"),
  },
  {
    name: "NXDOMAIN: dns, and well again",
    begin: ({ nameserver }) => nameserver.answers = "NXDOMAIN",
    reason: "dns",
    seen: 0,
    check: reached("resolve"),
  },
  {
    name: "SERVFAIL: dns, and well again",
    begin: ({ nameserver }) => nameserver.answers = "SERVFAIL",
    reason: "dns",
    seen: 0,
    check: reached("resolve"),
  },
  {
    name: "a name without addresses: dns, and well again",
    begin: ({ nameserver }) => nameserver.answers = [],
    reason: "dns",
    seen: 0,
    check: reached("resolve"),
  },
  {
    name: "an address that dies while the name moves: the very next task uses the new one",
    begin: (rig) =>
      rig.network.impose([...toTarget(rig), "--dst", rig.network.first, "-j", "DROP"]),
    end: ({ network, nameserver }) => nameserver.answers = [network.second],
    reason: "timeout",
    seen: 0,
  },
  {
    name: "a target that has moved to IPv6 alone: no failure",
    begin: ({ network, nameserver }) => nameserver.answers = [network.sixth],
    reason: null,
    seen: 1,
  },
  {
    name: "IPv6 that is dead, beside IPv4: no failure",
    async begin(rig) {
      const { network, nameserver } = rig;
      await network.imposeOnIPv6([...fromTarget(rig), "-j", "DROP"]);
      nameserver.answers = [network.sixth, network.first];
    },
    reason: null,
    seen: 1,
  },
  {
    name: "IPv4 that is dead, beside IPv6: no failure, though each task takes longer",
    async begin(rig) {
      const { network, nameserver } = rig;
      await network.impose([...toTarget(rig), "-j", "DROP"]);
      nameserver.answers = [network.sixth, network.first];
    },
    reason: null,
    seen: 1,
    check(tasks) {
      for (const { phases } of tasks) assert(phases.connect > 0.2, `${phases.connect} s`);
    },
  },
];

const remote = new Shared(startNetworkRig);

for (const { name, begin, end, ...fault } of BREACHES) {
  sharingTest(name, async () => {
    const rig = await remote.get();
    const { network, nameserver, saboteur } = rig;
    const mend = async () => {
      await network.lift();
      nameserver.answers = [network.first];
      saboteur.hangUp();
    };
    await endure(rig, { ...fault, begin: () => begin(rig), end: () => (end ?? mend)(rig) });
    await mend();
  }, { ignore: withoutNetwork });
}

/** A rig whose target speaks TLS, and wants one of these to show a certificate. */
type SecureRig = Rig & {
  /** Ports that show a certificate each. */
  ports: Record<"good" | "expired" | "otherName" | "selfSigned" | "unknown", number>;
};

async function startSecureRig(): Promise<SecureRig> {
  const parts = new AsyncDisposableStack();
  const saboteur = parts.use(new Saboteur());
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
  saboteur.behaviour = forwardsTo(ports.good);
  const program = parts.use(
    await startLoop({
      env: {
        ...SETTINGS,
        OKDATA_API_URL: `https://localhost:${saboteur.port}`,
        DENO_CERT: file,
      },
    }),
  );
  return { program, url: program.url, rate: RATE, saboteur, ports, parts };
}

const TLS_FAULTS: (Omit<Fault, "begin" | "end"> & {
  name: string;
  behaviour: (rig: SecureRig) => Behaviour;
})[] = [
  {
    name: "a certificate that has ended: tls, and well again",
    behaviour: ({ ports }) => forwardsTo(ports.expired),
    reason: "tls",
  },
  {
    name: "a certificate for another name: tls, and well again",
    behaviour: ({ ports }) => forwardsTo(ports.otherName),
    reason: "tls",
  },
  {
    name: "a certificate that vouches for itself: tls, and well again",
    behaviour: ({ ports }) => forwardsTo(ports.selfSigned),
    reason: "tls",
  },
  {
    name: "a certificate of an authority that nobody knows: tls, and well again",
    behaviour: ({ ports }) => forwardsTo(ports.unknown),
    reason: "tls",
  },
  {
    name: "a port that speaks no TLS: tls, and well again",
    behaviour: () => speaksFirst("HTTP/1.1 400 Bad Request\r\n\r\n"),
    reason: "tls",
  },
  {
    name: "a handshake that stalls: timeout, and well again",
    behaviour: () => hang,
    reason: "timeout",
    check: reached("resolve", "connect", "tls"),
  },
  {
    name: "a handshake that stalls half-way: timeout, and well again",
    behaviour: ({ ports }) => forwardsTo(ports.good, { bytes: 100, then: "hang" }),
    reason: "timeout",
    check: reached("resolve", "connect", "tls"),
  },
  {
    name: "a connection that is cut before the handshake: reset, and well again",
    behaviour: () => (connection) => connection.readOneByte().then(() => connection.close()),
    reason: "reset",
    check: reached("resolve", "connect", "tls"),
  },
  {
    name: "a connection that is cut in the handshake: reset, and well again",
    behaviour: ({ ports }) => forwardsTo(ports.good, { bytes: 100, then: "close" }),
    reason: "reset",
    check: reached("resolve", "connect", "tls"),
  },
];

const secure = new Shared(startSecureRig);

for (const { name, behaviour, ...fault } of TLS_FAULTS) {
  sharingTest(name, async () => {
    const rig = await secure.get();
    const { saboteur } = rig;
    await endure(rig, {
      ...fault,
      begin: () => saboteur.behaviour = behaviour(rig),
      end() {
        saboteur.behaviour = forwardsTo(rig.ports.good);
        saboteur.hangUp();
      },
    });
  });
}

/** A rig that asks a certified provider for tokens, which end after a few seconds. */
type AccountRig = Rig & { provider: { start(): Promise<void>; stop(): Promise<void> } };

async function startAccountRig(): Promise<AccountRig> {
  const parts = new AsyncDisposableStack();
  const saboteur = parts.use(new Saboteur());
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
        OKDATA_API_URL: saboteur.url,
        OKDATA_TOKEN_URL: tokenUrl,
        OKDATA_CLIENT_ID: client.clientId,
        OKDATA_CLIENT_SECRET: client.clientSecret,
      },
    }),
  );
  const { requests } = saboteur;
  return { program, url: program.url, rate: RATE, requests, saboteur, provider, parts };
}

/** Waits for a task that fails for want of a token. */
function untilTokenEnds({ url }: Rig): Promise<unknown> {
  return eventually(
    "the token has ended",
    async () => (await tasksOf(url, "?limit=1"))[0].reason === "auth",
  );
}

/** The provider is asked again after 5 s at most. */
const BACKOFF_SECONDS = 6;

const OUTAGES: (Omit<Fault, "begin" | "end"> & {
  name: string;
  begin: (rig: AccountRig) => unknown;
})[] = [
  {
    name: "an API that is down while the provider is not: server_error, and well again",
    begin: ({ saboteur }) => saboteur.behaviour = closesAfter(answerOf("502 Bad Gateway", [])),
    reason: "server_error",
    seen: 1,
  },
  {
    name: "a provider that is down while the token is good: no failure",
    begin: ({ provider }) => provider.stop(),
    reason: null,
    seen: 1,
  },
  {
    name: "a provider that is down until the token has ended: auth, no request, and well again",
    async begin(rig) {
      await rig.provider.stop();
      await untilTokenEnds(rig);
    },
    reason: "auth",
    seen: 0,
    recoverySeconds: BACKOFF_SECONDS,
    check: (tasks) => tasks.forEach(({ attempts }) => assertEquals(attempts, [])),
  },
  {
    name: "provider and API down together until the token has ended: auth, and well again",
    async begin(rig) {
      rig.saboteur.behaviour = resetsAfter("");
      await rig.provider.stop();
      await untilTokenEnds(rig);
    },
    reason: "auth",
    seen: 0,
    recoverySeconds: BACKOFF_SECONDS,
  },
];

const account = new Shared(startAccountRig);

for (const { name, begin, ...fault } of OUTAGES) {
  sharingTest(name, async () => {
    const rig = await account.get();
    const { saboteur, provider } = rig;
    await endure(rig, {
      ...fault,
      begin: () => begin(rig),
      async end() {
        saboteur.behaviour = healthy;
        await provider.stop().catch(() => {});
        await provider.start();
      },
    });
  });
}

/** Surroundings in which the program starts, and what they are called. */
const SURROUNDINGS: { name: string; script: string; wrapper?: string[]; ignore?: boolean }[] = [
  {
    name: "standard output and error closed from the start: probes all the same",
    script: "exec >&- 2>&-",
  },
  {
    name: "standard error on a full disk: probes all the same",
    script: "exec 2>/dev/full",
  },
  {
    name: "standard error that nobody reads: probes all the same",
    script: "exec >/dev/null 2>$PIPE",
  },
  {
    name: "a file system that nothing can be written to: probes all the same",
    script: "mount --make-rprivate / && mount -o remount,bind,ro / && ! touch ./here 2>/dev/null",
    wrapper: ["unshare", "--mount"],
    ignore: withoutNetwork,
  },
];

for (const { name, script, wrapper = [], ignore } of SURROUNDINGS) {
  sharingTest(name, async () => {
    await using parts = new AsyncDisposableStack();
    const saboteur = parts.use(new Saboteur());
    const pipe = await Deno.makeTempFile();
    parts.defer(() => Deno.remove(pipe));
    await Deno.remove(pipe);
    await new Deno.Command("mkfifo", { args: [pipe] }).output();
    const unread = await Deno.open(pipe, { read: true, write: true });
    parts.defer(() => unread.close());
    const port = freePort();
    const program = parts.use(
      new Program({
        wrapper: [...wrapper, "sh", "-c", `${script} && exec "$@"`, "sh"],
        args: ["--table", "--table-interval", "0.05", "--rows", "100"],
        env: {
          ...SETTINGS,
          OKDATA_API_URL: saboteur.url,
          PORT: String(port),
          LOG_LEVEL: "debug",
          PIPE: pipe,
        },
      }),
    );
    const url = `http://127.0.0.1:${port}`;
    await eventually("it answers", () => fetch(url).then((r) => r.text()).catch(() => false));
    const { requests } = saboteur;
    await endure({ program, url, rate: RATE, requests, isSilent: true }, {
      reason: "not_found",
      seen: 1,
      tasks: 40,
      begin: () => saboteur.behaviour = closesAfter(answerOf("404 Not Found", [])),
      end: () => saboteur.behaviour = healthy,
    });
    program.kill("SIGTERM");
    assertEquals((await program.ended(5_000)).code, 0);
  }, { ignore });
}

function freePort(): number {
  using taken = occupyPort();
  return taken.port;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

sharingTest(
  "a stop of a second: each loop runs one slot late, the others are counted",
  async () => {
    const rig = await local.get();
    const before = await checkedScrape(rig.url);
    rig.program.kill("SIGSTOP");
    await pause(1_200);
    rig.program.kill("SIGCONT");
    await eventually("it is well", async () => (await fetch(`${rig.url}/healthz`)).status === 200);
    const after = await checkedScrape(rig.url);

    const gained = (name: string, labels = {}) =>
      after.value(name, labels) - before.value(name, labels);
    const slots = gained("probe_schedule_lag_seconds_count", { loop: "probe" });
    const late = slots -
      gained("probe_schedule_lag_seconds_bucket", { loop: "probe", le: "0.05" });
    const skipped = gained("probe_slots_skipped_total", { cause: "late" });
    assertEquals(gained("probe_tasks_created_total"), slots);
    assert(late <= DATASETS, `${late} slots ran late`);
    // Of the two or three slots that a loop had in that time, one has run.
    assert(skipped >= DATASETS && skipped <= 2 * DATASETS, `${skipped} slots are skipped`);
    const due = [after.sentMs - before.receivedMs, after.receivedMs - before.sentMs]
      .map((ms) => ms / 1e3 * RATE);
    assert(slots + skipped >= due[0] - 3 && slots + skipped <= due[1] + 3, `${slots + skipped}`);
  },
);

const fakeTime = `/usr/lib/${Deno.build.arch}-linux-gnu/faketime/libfaketimeMT.so.1`;
const withoutFakeTime = !CI && !await isAvailable(`test -e ${fakeTime}`, "steps of the clock");

sharingTest("a wall clock that is set an hour on, and back again: no failure", async () => {
  await using parts = new AsyncDisposableStack();
  const file = await Deno.makeTempFile();
  parts.defer(() => Deno.remove(file));
  await Deno.writeTextFile(file, "+0");
  const rig = await startRig({
    wrapper: [
      "env",
      `LD_PRELOAD=${fakeTime}`,
      `FAKETIME_TIMESTAMP_FILE=${file}`,
      "FAKETIME_NO_CACHE=1",
      "FAKETIME_DONT_FAKE_MONOTONIC=1",
    ],
    env: { DISMISS_TASK_SECONDS: "600", CLEAN_TASKS_INTERVAL_SECONDS: "0.1" },
  });
  parts.use(rig.parts);
  const hours = (task: Task) => (Date.parse(task.created) - Date.now()) / 3_600_000;
  await endure(rig, {
    reason: null,
    seen: 1,
    begin: () => Deno.writeTextFile(file, "+1h"),
    end: () => Deno.writeTextFile(file, "+0"),
    check(tasks) {
      for (const task of tasks) {
        assertAlmostEquals(hours(task), 1, 0.1);
        assert(task.duration_seconds < 1, `${task.duration_seconds} s`);
      }
    },
  });
  const [newest] = await tasksOf(rig.url, "?limit=1");
  assertAlmostEquals(hours(newest), 0, 0.1);
  assertEquals((await checkedScrape(rig.url)).value("probe_tasks_dismissed_total"), 0);
}, { ignore: withoutFakeTime });

for (
  const { name, host, reasons } of [
    {
      name: "no descriptors are left, target by address: connect, and well again",
      host: "127.0.0.1",
      reasons: ["connect"],
    },
    {
      // The system's resolver cannot open its files, and does not say so.
      name: "no descriptors are left, target by name: dns or connect, and well again",
      host: "localhost",
      reasons: ["dns", "connect"],
    },
  ]
) {
  sharingTest(name, async () => {
    await using parts = new AsyncDisposableStack();
    const saboteur = parts.use(new Saboteur());
    const rig = await startRig({
      env: { OKDATA_API_URL: `http://${host}:${saboteur.port}` },
    });
    parts.use(rig.parts);
    const { program, url } = rig;
    const limit = (words: string) =>
      output("prlimit", ["--pid", String(program.pid), ...words.split(" ")]);
    const usual = (await limit("--nofile --output SOFT --noheadings")).trim();
    const { descriptors } = vitalsOf(program.pid);
    await eventually(
      "a task has succeeded",
      async () => (await tasksOf(url, "?limit=2")).length > 1,
    );

    const before = await checkedScrape(url);
    const first = await nextSeqno(url);
    await limit("--nofile=3:");
    // Nothing can be asked meanwhile.
    await pause(1_000);
    await limit(`--nofile=${usual}:`);
    const last = await eventually("it answers", () => nextSeqno(url).catch(() => 0));
    await eventually("well again", async () => {
      return (await tasksOf(url)).some(({ seqno, state }) => {
        return seqno >= last && state === "SUCCEEDED";
      });
    });
    checkSchedule(rig, before, await checkedScrape(url));
    const failed = (await tasksOf(url)).filter(({ seqno, state }) => {
      return seqno >= first && state === "FAILED";
    });
    for (const task of failed) {
      assert(reasons.includes(task.reason ?? ""), JSON.stringify(task));
    }
    assert(failed.length >= RATE * 0.8, `${failed.length} tasks failed`);
    await eventually("its descriptors are back", () => {
      return vitalsOf(program.pid).descriptors <= descriptors + 4;
    });
  });
}

sharingTest(
  "answers that are never whole, as many as may be: bounded memory, slots counted",
  async () => {
    await using parts = new AsyncDisposableStack();
    const most = 30;
    const rig = await startRig({
      env: {
        MAX_IN_FLIGHT_TASKS: String(most),
        REQUEST_TIMEOUT_SECONDS: "1",
        TASK_INTERVAL_SECONDS: "0.2",
      },
    });
    parts.use(rig.parts);
    const { program, url, saboteur } = rig;
    await eventually(
      "a task has succeeded",
      async () => (await tasksOf(url, "?limit=2")).length > 1,
    );
    const part = " ".repeat(MEBIBYTE - 1);
    saboteur.behaviour = answers(`${OK}Content-Length: ${MEBIBYTE}\r\n\r\n${part}`);
    const peakUntil = async (rounds: number) => {
      let peak = 0;
      await eventually(`${rounds} rounds of timeouts`, async () => {
        peak = Math.max(peak, residentBytes(program.pid));
        return (await scrape(url)).value("probe_tasks_failed_total") >= rounds * most;
      }, 30_000);
      return peak;
    };
    const early = await peakUntil(8);
    const late = await peakUntil(24);
    saboteur.behaviour = healthy;
    saboteur.hangUp();
    // Sixteen rounds more would need four times so much, were what they held not given back.
    assert(late - early < 4 * most * MEBIBYTE, `${(late - early) / 1e6} MB more`);
    const { value } = await checkedScrape(url);
    assert(value("probe_slots_skipped_total", { cause: "in_flight" }) > 0, "the bound was reached");
    assertEquals(value("probe_slots_skipped_total", { cause: "late" }), 0);
    await eventually("well again", async () => (await tasksOf(url, "?limit=2"))[1].reason === null);
  },
);

sharingTest(
  "thousands of failures of all kinds in a small heap: no memory is left behind",
  async () => {
    await using parts = new AsyncDisposableStack();
    const rig = await startRig({
      env: {
        // As fast as a slow machine can break connections.
        TASK_INTERVAL_SECONDS: "0.1",
        MAX_TRACKED_TASKS: "100",
        // So small that garbage is collected all the while: what is then left is in use.
        DENO_V8_FLAGS: "--max-old-space-size=40",
      },
    });
    parts.use(rig.parts);
    const { program, url, saboteur } = rig;
    const kinds = SABOTAGES.filter(({ reason, name }) => {
      return reason !== "timeout" && !/without end|bomb|mebibyte|megabyte|flood|deep/.test(name);
    });
    const { descriptors } = vitalsOf(program.pid);
    let turn = 0;
    saboteur.behaviour = (connection) => kinds[turn++ % kinds.length].behaviour(connection);

    /** The least memory that is seen until so many tasks are settled. */
    async function leastUntil(count: number) {
      const least = { heap: Infinity, resident: Infinity };
      await eventually(`${count} settled tasks`, async () => {
        const { value } = await checkedScrape(url);
        least.heap = Math.min(least.heap, value("process_heap_bytes"));
        least.resident = Math.min(least.resident, residentBytes(program.pid));
        return value("probe_tasks_created_total") - value("probe_tasks_in_flight") >= count;
      }, 30_000);
      return least;
    }
    await leastUntil(1_600);
    const early = await leastUntil(3_200);
    await leastUntil(4_800);
    const late = await leastUntil(6_400);
    const more = `from ${JSON.stringify(early)} to ${JSON.stringify(late)}`;
    assert(late.heap - early.heap < 2e6, more);
    assert(late.resident - early.resident < 20e6, more);
    saboteur.behaviour = healthy;
    await eventually("its descriptors are back", () => {
      return vitalsOf(program.pid).descriptors <= descriptors + 4;
    });
  },
);

sharingTest("through all of these, 99 slots of 100 ran within 100 ms of their time", () => {
  const slots = lags.get(Infinity) ?? 0;
  const onTime = lags.get(0.1) ?? 0;
  assert(slots === 0 || onTime >= 0.99 * slots, `${slots - onTime} of ${slots} ran later`);
});
