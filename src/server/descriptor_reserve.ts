/**
 * Descriptors that are held back while the port is open, so that the probe's own requests have some
 * when clients occupy all others. As many again must be free before a port is opened: with fewer it
 * would be lost again at once.
 */
const RESERVED = 16;

export type Descriptor = { close: () => void };

/** Opens a descriptor that is occupied until it is closed; throws when none is free. */
export type OpenDescriptor = () => Descriptor;

/**
 * Holds file descriptors back for the probe's own requests. Deno can neither limit the connections
 * that it accepts nor raise the limit of descriptors, so clients could take every one of them.
 */
export class DescriptorReserve {
  #openDescriptor: OpenDescriptor;
  #held: Descriptor[] = [];

  constructor(openDescriptor: OpenDescriptor) {
    this.#openDescriptor = openDescriptor;
  }

  /** Runs `open` and keeps the reserve when it succeeds; throws when too few descriptors are free. */
  holdFor<T>(open: () => T): T {
    const free = this.#take(2 * RESERVED);
    try {
      const opened = open();
      this.#held = free.splice(0, RESERVED);
      return opened;
    } finally {
      closeAll(free);
    }
  }

  /** Gives the reserve back to the process. */
  release(): void {
    closeAll(this.#held);
  }

  /** Throws when no descriptor is free besides the reserve. */
  requireFree(): void {
    closeAll(this.#take(1));
  }

  #take(count: number): Descriptor[] {
    const taken: Descriptor[] = [];
    try {
      while (taken.length < count) taken.push(this.#openDescriptor());
      return taken;
    } catch (error) {
      closeAll(taken);
      throw error;
    }
  }
}

function closeAll(descriptors: Descriptor[]): void {
  for (const descriptor of descriptors.splice(0)) descriptor.close();
}
