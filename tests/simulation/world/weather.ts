import type { Draw } from "./draw.ts";
import type { Journal } from "../journal.ts";
import {
  API_FAULTS,
  type Behaviour,
  CALM,
  CALM_LIFETIME_SECONDS,
  HEARTBEAT_FAULTS,
  PROVIDER_FAULTS,
} from "./faults.ts";
import type { SimulatedPlatform } from "./platform.ts";
import type { SimulatedPort } from "./port.ts";
import type { SimulatedTime } from "./time.ts";

/** `begin` returns what ends it; nothing where it ends by itself. */
type Episode = { what: string; begin: () => (() => void) | void };

/** Starts episodes of faults at random times; they may overlap. */
export class Weather {
  readonly #calmMs: number;
  readonly #lengthMs: number;
  #isEnded = false;

  constructor(
    private readonly time: SimulatedTime,
    private readonly draw: Draw,
    private readonly journal: Journal,
    private readonly platform: SimulatedPlatform,
    private readonly port: SimulatedPort,
    private readonly intervalMs: number,
  ) {
    this.#calmMs = draw.logBetween(40, 600) * 1e3;
    this.#lengthMs = Math.max(2 * intervalMs, draw.logBetween(5_000, 300_000));
    this.#soon();
  }

  /** Ends all faults for good. */
  end(): void {
    this.#isEnded = true;
    this.platform.recover();
  }

  /** Starts an episode now. */
  strike(): void {
    const { what, begin } = this.#episode();
    const lengthMs = this.draw.exponential(this.#lengthMs);
    this.journal.line(`weather: ${what} for ${lengthMs.toFixed(0)}`);
    const end = begin();
    if (end) this.time.input(lengthMs, () => this.#isEnded || end());
  }

  #soon(): void {
    this.time.input(this.draw.exponential(this.#calmMs), () => {
      if (this.#isEnded) return;
      this.strike();
      this.#soon();
    });
  }

  #episode(): Episode {
    const { draw } = this;
    const share = draw.random.fraction();
    if (share < 0.4) return this.#fault("api", API_FAULTS);
    if (share < 0.55) return this.#fault("provider", PROVIDER_FAULTS);
    if (share < 0.65) return this.#tokens();
    if (share < 0.72) return this.#fault("heartbeat", HEARTBEAT_FAULTS);
    if (share < 0.76) return { what: "descriptors run out", begin: () => this.port.exhaust() };
    return share < 0.88 ? this.#process() : this.#machine();
  }

  #fault(
    target: "api" | "provider" | "heartbeat",
    faults: { [name: string]: Behaviour },
  ): Episode {
    const { platform, draw } = this;
    const [name, behaviour] = draw.pick(Object.entries(faults));
    return {
      what: `${target} is ${name}`,
      begin() {
        platform[target] = behaviour;
        return () => {
          if (platform[target] === behaviour) platform[target] = CALM[target];
        };
      },
    };
  }

  #tokens(): Episode {
    const { platform, draw } = this;
    if (draw.chance(0.5)) {
      return {
        what: "tokens are revoked",
        begin: () => platform.revokeTokens(),
      };
    }
    const seconds = draw.pick([null, 0, 1, 2, 5, 30, 60, 3600, draw.whole(1, 100)]);
    return {
      what: `tokens live ${seconds} s`,
      begin() {
        platform.lifetimeSeconds = seconds;
        return () => {
          if (platform.lifetimeSeconds === seconds) {
            platform.lifetimeSeconds = CALM_LIFETIME_SECONDS;
          }
        };
      },
    };
  }

  #process(): Episode {
    const { time, draw } = this;
    // Often about as long as the health check waits.
    const ms = draw.chance(0.4)
      ? draw.pick([5_000, 60_000, 2 * this.intervalMs]) * draw.between(0.5, 1.3)
      : draw.logBetween(10, draw.chance(0.1) ? 3_600_000 : 120_000);
    const what = draw.pick(["stalled", "held", "jerky"]);
    return {
      what: `the process is ${what} for ${ms.toFixed(0)}`,
      begin: () => {
        if (what === "held") return time.hold(ms);
        if (what === "stalled") return void time.stall(ms);
        let isJerky = true;
        const jerk = () => {
          if (!isJerky) return;
          time.stall(draw.logBetween(1, 2_000));
          time.input(draw.exponential(10_000), jerk);
        };
        jerk();
        return () => void (isJerky = false);
      },
    };
  }

  #machine(): Episode {
    const { time, draw, platform } = this;
    const ms = draw.logBetween(1_000, 8 * 3_600_000);
    const what = draw.pick(["sleeps", "sleeps", "sets its clock forwards", "sets its clock back"]);
    return {
      what: `the machine ${what} by ${ms.toFixed(0)}`,
      begin() {
        if (what.includes("forwards")) return time.jump(ms);
        if (what.includes("back")) return time.jump(-ms);
        time.suspend(ms);
        if (draw.chance(0.5)) platform.breakOffAll();
      },
    };
  }
}
