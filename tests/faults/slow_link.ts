import { output } from "../container/buildah.ts";
import type { Network } from "./network.ts";

/** A packet on its way out of the network. */
export type Packet = {
  destination: string;
  /** The port of TCP that it comes from. */
  sourcePort: number;
  /** Whether it asks for a connection. */
  isSyn: boolean;
};

/** How many milliseconds a packet takes; null loses it. */
export type Rule = (packet: Packet) => number | null;

const ADDRESSES = 8;

/** A device of packets without Ethernet, `linux/if_tun.h`. */
const TUNSETIFF = 0x400454can;
const IFF_TUN = 0x1;
const IFF_NO_PI = 0x1000;
const O_RDWR = 0x2;
const O_NONBLOCK = 0x800;
const O_CLOEXEC = 0x80000;
const POLLIN = 0x1;
const POLL_MS = 100;
const MAX_PACKET_BYTES = 65_536;

type Libc = ReturnType<typeof openLibc>;

function openLibc() {
  return Deno.dlopen("libc.so.6", {
    open: { parameters: ["buffer", "i32"], result: "i32" },
    ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
    poll: { parameters: ["buffer", "u64", "i32"], result: "i32", nonblocking: true },
    read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
    write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
    close: { parameters: ["i32"], result: "i32" },
  });
}

/**
 * A second link between a network and this machine, which takes each packet out of the network as
 * slowly as a rule says, or loses it. Its packets go through this process, since not every kernel
 * has `netem`. What comes back takes no time: a round trip is what the rule says.
 */
export class SlowLink implements AsyncDisposable {
  /** Eight addresses of this machine as seen from inside. */
  readonly addresses: readonly string[];
  readonly sixth: string;
  rule: Rule = () => 0;
  readonly #libc: Libc;
  readonly #inner: number;
  readonly #outer: number;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #isOpen = true;
  #carrying: Promise<void> = Promise.resolve();

  private constructor(net: string, prefix: string, inner: string, outer: string) {
    this.addresses = Array.from({ length: ADDRESSES }, (_, i) => `${net}.${i + 1}`);
    this.sixth = `${prefix}::1`;
    this.#libc = openLibc();
    this.#inner = openDevice(this.#libc, inner);
    this.#outer = openDevice(this.#libc, outer);
  }

  static async open(network: Network): Promise<SlowLink> {
    // Beside the network's own addresses.
    const net = network.first.replace(/^198\.18\.(\d+)\.1$/, "198.19.$1");
    const prefix = network.sixth.replace("2001:db8:", "2001:db8:1:").replace(/::1$/, "");
    const [inner, outer] = [`${network.name}s`, `${network.name}t`];
    const link = new SlowLink(net, prefix, inner, outer);
    const mine = (...args: string[]) => output("ip", args);
    const theirs = (...args: string[]) => output("ip", ["-n", network.name, ...args]);
    await mine("link", "set", inner, "netns", network.name);
    for (const address of link.addresses) {
      await mine("address", "add", `${address}/32`, "dev", outer);
    }
    await mine("address", "add", `${link.sixth}/128`, "dev", outer, "nodad");
    await mine("link", "set", outer, "up");
    await mine("route", "add", `${net}.99/32`, "dev", outer);
    await mine("-6", "route", "add", `${prefix}::99/128`, "dev", outer);
    // With a mask of its own each address is a network, so that the resolver keeps the order.
    await theirs("address", "add", `${net}.99/32`, "dev", inner);
    await theirs("address", "add", `${prefix}::99/128`, "dev", inner, "nodad");
    await theirs("link", "set", inner, "up");
    await theirs("route", "add", `${net}.0/24`, "dev", inner, "src", `${net}.99`);
    await theirs("-6", "route", "add", `${prefix}::/64`, "dev", inner);
    link.#carrying = link.#carry();
    return link;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOpen = false;
    await this.#carrying;
    for (const timer of this.#timers) clearTimeout(timer);
    // Closing the last descriptor removes the device.
    this.#libc.symbols.close(this.#inner);
    this.#libc.symbols.close(this.#outer);
    this.#libc.close();
  }

  async #carry(): Promise<void> {
    const { poll } = this.#libc.symbols;
    const watched = new Int32Array([this.#inner, POLLIN, this.#outer, POLLIN]);
    while (this.#isOpen) {
      await poll(new Uint8Array(watched.buffer), 2n, POLL_MS);
      for (const bytes of this.#packets(this.#outer)) this.#send(this.#inner, bytes);
      for (const bytes of this.#packets(this.#inner)) {
        const delayMs = this.rule(packetOf(bytes));
        if (delayMs === null) continue;
        const timer = setTimeout(() => {
          this.#timers.delete(timer);
          this.#send(this.#outer, bytes);
        }, delayMs);
        this.#timers.add(timer);
      }
    }
  }

  *#packets(device: number): Generator<Uint8Array<ArrayBuffer>> {
    const buffer = new Uint8Array(MAX_PACKET_BYTES);
    for (;;) {
      const length = Number(this.#libc.symbols.read(device, buffer, BigInt(buffer.length)));
      if (length <= 0) return;
      yield buffer.slice(0, length);
    }
  }

  #send(device: number, bytes: Uint8Array<ArrayBuffer>): void {
    this.#libc.symbols.write(device, bytes, BigInt(bytes.length));
  }
}

function openDevice({ symbols }: Libc, name: string): number {
  const device = symbols.open(
    new TextEncoder().encode("/dev/net/tun\0"),
    O_RDWR | O_NONBLOCK | O_CLOEXEC,
  );
  const request = new Uint8Array(40);
  new TextEncoder().encodeInto(name, request);
  new DataView(request.buffer).setInt16(16, IFF_TUN | IFF_NO_PI, true);
  if (device < 0 || symbols.ioctl(device, TUNSETIFF, request) < 0) {
    throw new Error(`/dev/net/tun: the device ${name} cannot be made`);
  }
  return device;
}

/** What a rule may know of a packet: RFC 791, RFC 8200, RFC 9293. */
function packetOf(bytes: Uint8Array<ArrayBuffer>): Packet {
  const view = new DataView(bytes.buffer);
  const isV6 = (bytes[0] ?? 0) >> 4 === 6;
  const start = isV6 ? 40 : ((bytes[0] ?? 0) & 0xf) * 4;
  const isTcp = bytes[isV6 ? 6 : 9] === 6;
  return {
    destination: isV6 ? "IPv6" : bytes.subarray(16, 20).join("."),
    sourcePort: isTcp ? view.getUint16(start) : 0,
    isSyn: isTcp && ((bytes[start + 13] ?? 0) & 0x12) === 0x02,
  };
}
