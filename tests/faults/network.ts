import { output } from "../container/buildah.ts";

const RESOLVER = "timeout:1 attempts:1";

/** Networks that a machine has room for, whichever process makes them. */
const NETWORKS = 250;

/** A rule of iptables for packets of the program inside. */
export type Rule = readonly string[];

/**
 * A network namespace with one link to this machine, so that its faults affect nothing else. Needs
 * root and the commands `ip` and `iptables`.
 */
export class Network implements AsyncDisposable {
  /** Addresses of this machine as seen from inside; the name server listens on `first`. */
  readonly first: string;
  readonly second: string;
  readonly sixth: string;
  /** The address of the program inside. */
  readonly inside: string;
  /** Its name for `ip netns`. */
  readonly name: string;

  private constructor(number: number) {
    // The name of a device has at most 15 characters.
    this.name = `probe${number}`;
    // Addresses reserved for benchmarks (RFC 2544) and examples (RFC 3849).
    const net = `198.18.${number}`;
    this.first = `${net}.1`;
    this.second = `${net}.2`;
    this.inside = `${net}.9`;
    this.sixth = `2001:db8:${number.toString(16)}::1`;
  }

  /** Whoever makes the namespace has the addresses that belong to its name, until it is deleted. */
  static async create(): Promise<Network> {
    const start = Math.floor(Math.random() * NETWORKS);
    for (let tries = 0;; tries++) {
      const network = new Network((start + tries) % NETWORKS);
      try {
        await output("ip", ["netns", "add", network.name]);
      } catch (error) {
        if (tries < NETWORKS) continue;
        throw error;
      }
      await network.#connect();
      return network;
    }
  }

  /** Words before a command that makes it run inside. */
  get wrapper(): string[] {
    return ["ip", "netns", "exec", this.name];
  }

  /** Adds rules until `lift`. */
  async impose(...rules: Rule[]): Promise<void> {
    for (const rule of rules) await this.#inside("iptables", "-w", "-A", ...rule);
  }

  async imposeOnIPv6(rule: Rule): Promise<void> {
    await this.#inside("ip6tables", "-w", "-A", ...rule);
  }

  async lift(): Promise<void> {
    await this.#inside("iptables", "-w", "-F");
    await this.#inside("ip6tables", "-w", "-F");
  }

  /** Gives names an address that they have inside alone. Processes that run already do not see it. */
  async nameHosts(address: string, ...names: string[]): Promise<void> {
    await Deno.writeTextFile(`/etc/netns/${this.name}/hosts`, `${address} ${names.join(" ")}\n`);
  }

  /** Changes the routes inside, as `ip route` does; IPv6 ones with `-6` before them. */
  async route(...words: string[]): Promise<void> {
    const family = words[0] === "-6" ? words.splice(0, 1) : [];
    await output("ip", ["-n", this.name, ...family, "route", ...words]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A connection that the system still ends would keep the link for a while.
    await output("ip", ["link", "delete", this.name]);
    await Deno.remove(`/etc/netns/${this.name}`, { recursive: true });
    // At the end, since another process may take name and addresses from here on.
    await output("ip", ["netns", "delete", this.name]);
  }

  async #connect(): Promise<void> {
    const name = this.name;
    const peer = `${name}i`;
    await output("ip", ["link", "add", name, "type", "veth", "peer", "name", peer, "netns", name]);
    const mine = (...args: string[]) => output("ip", args);
    const theirs = (...args: string[]) => output("ip", ["-n", name, ...args]);
    await mine("address", "add", `${this.first}/24`, "dev", name);
    await mine("address", "add", `${this.second}/24`, "dev", name);
    await mine("address", "add", `${this.sixth}/64`, "dev", name, "nodad");
    await mine("link", "set", name, "up");
    await theirs("address", "add", `${this.inside}/24`, "dev", peer);
    await theirs("address", "add", this.sixth.replace(/1$/, "9/64"), "dev", peer, "nodad");
    await theirs("link", "set", peer, "up");
    await theirs("link", "set", "lo", "up");

    const etc = `/etc/netns/${name}`;
    await Deno.mkdir(etc, { recursive: true });
    const resolver = `nameserver ${this.first}\noptions ${RESOLVER}\n`;
    await Deno.writeTextFile(`${etc}/resolv.conf`, resolver);
    await Deno.writeTextFile(`${etc}/nsswitch.conf`, "hosts: files dns\n");
  }

  #inside(...words: string[]): Promise<string> {
    return output("ip", ["netns", "exec", this.name, ...words]);
  }
}
