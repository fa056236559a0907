import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { formatAddress } from "../../../src/http_client/connection/address.ts";
import { connectToAny } from "../../../src/http_client/connection/connect.ts";
import { RequestError } from "../../../src/http_client/errors.ts";
import fc from "npm:fast-check@4.10.2";
import { FakeClock } from "../../support/clock.ts";

/** What an address does so long after it was first tried. */
type Behaviour = { kind: "connects" | "fails" | "silent"; afterMs: number; code?: string };

const connects = (afterMs = 0): Behaviour => ({ kind: "connects", afterMs });
const fails = (afterMs = 0, code = "ECONNREFUSED"): Behaviour => ({ kind: "fails", afterMs, code });
const silent: Behaviour = { kind: "silent", afterMs: Infinity };

class FakeConnection {
  isClosed = false;
  constructor(readonly address: string) {}
  close(): void {
    this.isClosed = true;
  }
}

type Outcome =
  | { kind: "connected"; address: string; atMs: number }
  | { kind: "failed"; error: unknown; atMs: number };

/** Connects to addresses that behave as given, on a clock of its own. */
class Attempt {
  readonly clock = new FakeClock();
  readonly controller = new AbortController();
  readonly starts: { address: string; atMs: number; signal: AbortSignal }[] = [];
  readonly failures: { address: string; atMs: number }[] = [];
  readonly connections: FakeConnection[] = [];
  outcome: Outcome | null = null;
  /** Settles with the result as a caller sees it. */
  readonly result: Promise<unknown>;

  constructor(behaviours: Readonly<Record<string, Behaviour>>) {
    const { clock, controller } = this;
    this.result = connectToAny(Object.keys(behaviours), 443, {
      clock,
      signal: controller.signal,
      open: (address, port, signal) => {
        assertEquals(port, 443);
        this.starts.push({ address, atMs: clock.monotonic(), signal });
        return this.#open(address, behaviours[address] ?? silent);
      },
    });
    this.result.then((connection) => {
      const { address } = connection as FakeConnection;
      this.outcome = { kind: "connected", address, atMs: clock.monotonic() };
    }, (error) => this.outcome = { kind: "failed", error, atMs: clock.monotonic() });
  }

  /** The address of each start with its instant. */
  get started(): Record<string, number> {
    return Object.fromEntries(this.starts.map(({ address, atMs }) => [address, atMs]));
  }

  #open(address: string, { kind, afterMs, code }: Behaviour): Promise<Deno.TcpConn> {
    return new Promise((resolve, reject) => {
      if (kind === "silent") return;
      const end = () => {
        if (kind === "connects") {
          const connection = new FakeConnection(address);
          this.connections.push(connection);
          return resolve(connection as unknown as Deno.TcpConn);
        }
        this.failures.push({ address, atMs: this.clock.monotonic() });
        reject(Object.assign(new Error("it broke"), { code }));
      };
      // A connection that is made in the instant of another one is not ended by the signal.
      if (afterMs === 0) end();
      else this.clock.after(afterMs, end);
    });
  }
}

Deno.test("connectToAny tries the addresses with alternating families, the first one's first", async () => {
  const orders: [given: string[], tried: string[]][] = [
    [["::1", "::2", "::3", "192.0.2.1", "192.0.2.2"], [
      "::1",
      "192.0.2.1",
      "::2",
      "192.0.2.2",
      "::3",
    ]],
    [["192.0.2.1", "::1", "::2", "::3"], ["192.0.2.1", "::1", "::2", "::3"]],
    [["192.0.2.2", "192.0.2.1", "192.0.2.3"], ["192.0.2.2", "192.0.2.1", "192.0.2.3"]],
    [["::1", "192.0.2.1", "192.0.2.2", "192.0.2.3"], [
      "::1",
      "192.0.2.1",
      "192.0.2.2",
      "192.0.2.3",
    ]],
  ];
  for (const [given, tried] of orders) {
    const attempt = new Attempt(Object.fromEntries(given.map((address) => [address, silent])));
    await attempt.clock.run(10_000);
    assertEquals(attempt.starts.map(({ address }) => address), tried);
  }
});

Deno.test("connectToAny tries the next address after 250 ms and gives no earlier one up", async () => {
  const attempt = new Attempt({
    "192.0.2.1": connects(600),
    "192.0.2.2": connects(600),
    "192.0.2.3": connects(600),
    "192.0.2.4": connects(600),
  });
  await attempt.clock.run(10_000);
  assertEquals(attempt.outcome, { kind: "connected", address: "192.0.2.1", atMs: 600 });
  assertEquals(attempt.started, { "192.0.2.1": 0, "192.0.2.2": 250, "192.0.2.3": 500 });
});

Deno.test("connectToAny tries the next address at once after a failure", async () => {
  const attempt = new Attempt({
    "2001:db8::1": fails(),
    "192.0.2.1": fails(100),
    "192.0.2.2": connects(30),
  });
  await attempt.clock.run(10_000);
  assertEquals(attempt.started, { "2001:db8::1": 0, "192.0.2.1": 0, "192.0.2.2": 100 });
  assertEquals(attempt.outcome, { kind: "connected", address: "192.0.2.2", atMs: 130 });
});

Deno.test("connectToAny counts the 250 ms anew from an address that a failure has started", async () => {
  const attempt = new Attempt({
    "192.0.2.1": fails(200),
    "192.0.2.2": silent,
    "192.0.2.3": silent,
  });
  await attempt.clock.run(449);
  assertEquals(attempt.started, { "192.0.2.1": 0, "192.0.2.2": 200 });
  await attempt.clock.run(1);
  assertEquals(attempt.started["192.0.2.3"], 450);
});

Deno.test("connectToAny closes a connection that is made in the instant of the first one", async () => {
  const attempt = new Attempt({ "192.0.2.1": connects(500), "192.0.2.2": connects(250) });
  await attempt.clock.run(10_000);
  const [first, second] = attempt.connections;
  assertEquals([first?.isClosed, second?.isClosed], [false, true]);
});

Deno.test("connectToAny names every address that failed with its error, in one failure", async () => {
  const attempt = new Attempt({
    "2001:db8::1": fails(10, "ENETUNREACH"),
    "192.0.2.1": fails(20),
    "2001:db8::2": fails(30, "ENETUNREACH"),
  });
  await attempt.clock.run(1_000);
  const { reason, message } = await assertRejects(() => attempt.result, RequestError);
  assertEquals(reason, "connect");
  assertEquals(
    message,
    "connect ENETUNREACH [2001:db8::1]:443, [2001:db8::2]:443; connect ECONNREFUSED 192.0.2.1:443",
  );
});

Deno.test("connectToAny has room in its message for eight IPv6 addresses", async () => {
  const addresses = Array.from(
    { length: 8 },
    (_, i) => `2001:db8:aaaa:bbbb:cccc:dddd:eeee:fff${i}`,
  );
  const attempt = new Attempt(Object.fromEntries(addresses.map((each) => [each, fails()])));
  const { message } = await assertRejects(() => attempt.result, RequestError);
  for (const address of addresses) assert(message.includes(`[${address}]:443`), message);
});

Deno.test("connectToAny waits for an address that says nothing after all others have failed", async () => {
  const attempt = new Attempt({ "192.0.2.1": silent, "192.0.2.2": fails(), "192.0.2.3": fails() });
  await attempt.clock.run(3_600_000);
  assertEquals(attempt.outcome, null);

  const reason = new Error("the deadline");
  attempt.controller.abort(reason);
  assertStrictEquals(await attempt.result.catch((error) => error), reason);
  assertEquals(attempt.starts.map(({ signal }) => signal.aborted), [true, true, true]);
});

Deno.test("connectToAny closes a connection that is made after its signal has aborted", async () => {
  const attempt = new Attempt({ "192.0.2.1": connects(100) });
  attempt.controller.abort(new Error("the deadline"));
  await attempt.clock.run(1_000);
  assertEquals(attempt.connections.map(({ isClosed }) => isClosed), [true]);
  assertEquals(attempt.outcome?.kind, "failed");
});

Deno.test("connectToAny tries nothing when its signal has aborted before", async () => {
  const controller = new AbortController();
  const reason = new Error("over");
  controller.abort(reason);
  const error = await connectToAny(["192.0.2.1"], 443, {
    clock: new FakeClock(),
    signal: controller.signal,
    open: () => Promise.reject(new Error("tried")),
  }).catch((error) => error);
  assertStrictEquals(error, reason);
});

/** Up to eight addresses of both families; many things happen in one instant. */
const arbitraryAddresses = fc.array(
  fc.record({
    isV6: fc.boolean(),
    kind: fc.constantFrom<Behaviour["kind"]>("fails", "fails", "connects", "silent"),
    afterMs: fc.constantFrom(0, 1, 50, 249, 250, 251, 500, 600, 1_000),
  }),
  { minLength: 1, maxLength: 8 },
).map((all) =>
  Object.fromEntries(all.map(({ isV6, ...behaviour }, i): [string, Behaviour] => [
    isV6 ? `2001:db8::${i + 1}` : `192.0.2.${i + 1}`,
    behaviour,
  ]))
);

Deno.test("connectToAny keeps its promise whatever addresses do and whenever it is ended", async () => {
  const endsMs = fc.oneof(fc.constant(10_000), fc.integer({ min: 1, max: 3_000 }));
  await fc.assert(
    fc.asyncProperty(arbitraryAddresses, endsMs, async (behaviours, endMs) => {
      const attempt = new Attempt(behaviours);
      await attempt.clock.run(endMs);
      const isEnded = attempt.outcome === null;
      attempt.controller.abort("ended");
      await attempt.clock.run(10_000);
      checkPromise(attempt, behaviours, isEnded ? endMs : null);
    }),
    { numRuns: 1_000 },
  );
});

/** What must hold of every attempt; `abortedMs` is null when it had settled before it was ended. */
function checkPromise(
  { starts, failures, connections, outcome, clock }: Attempt,
  behaviours: Readonly<Record<string, Behaviour>>,
  abortedMs: number | null,
): void {
  assert(outcome, "not settled");
  // An address is tried once, after 250 ms or when another one has failed, and none after the end.
  const addresses = starts.map(({ address }) => address);
  assertEquals(new Set(addresses).size, addresses.length);
  for (const [i, { address, atMs }] of starts.entries()) {
    assert(atMs <= outcome.atMs, `${address} is tried after the end`);
    const previousMs = starts[i - 1]?.atMs ?? atMs;
    const isAfterFailure = failures.some((failure) => failure.atMs === atMs);
    const isDue = i === 0 || atMs === previousMs + 250 ||
      (atMs < previousMs + 250 && isAfterFailure);
    assert(isDue, `${address} is tried at ${atMs} ms, the last one at ${previousMs} ms`);
  }
  // A failure leads to the next address in its instant.
  for (const { address, atMs } of failures.filter((failure) => failure.atMs < outcome.atMs)) {
    const isLast = starts.length === Object.keys(behaviours).length;
    const isFollowed = isLast || starts.some((start) => start.atMs === atMs);
    assert(isFollowed, `no address is tried when ${address} fails`);
  }
  // The first connection wins, and no other one stays open.
  const times = starts.map(({ address, atMs }) => {
    const { kind, afterMs } = behaviours[address] ?? silent;
    return kind === "connects" ? atMs + afterMs : Infinity;
  });
  const firstMs = Math.min(...times);
  const open = connections.filter(({ isClosed }) => !isClosed).map(({ address }) => address);
  if (abortedMs !== null) {
    assertEquals([outcome.kind, outcome.atMs], ["failed", abortedMs]);
    assertEquals(outcome.kind === "failed" && outcome.error, "ended");
    assertEquals(open, []);
    assert(firstMs >= abortedMs, "ended although an address had connected");
  } else if (outcome.kind === "connected") {
    assertEquals(outcome.atMs, firstMs);
    assertEquals(open, [outcome.address]);
  } else {
    // A failure means that each address was tried and has failed.
    assert(outcome.error instanceof RequestError);
    const all = Object.entries(behaviours);
    assertEquals(failures.length, all.length);
    assert(all.every(([, { kind }]) => kind === "fails"), "an address could respond");
    for (const [address] of all) {
      assert(outcome.error.message.includes(formatAddress(address, 443)), `${address}`);
    }
    assertEquals(outcome.atMs, Math.max(...failures.map(({ atMs }) => atMs)));
  }
  const ended = failures.filter(({ atMs }) => atMs <= outcome.atMs).map(({ address }) => address);
  if (outcome.kind === "connected") ended.push(outcome.address);
  for (const { address, signal } of starts) {
    assert(signal.aborted || ended.includes(address), `${address} is tried on`);
  }
  assertEquals(clock.waiting, 0);
}
