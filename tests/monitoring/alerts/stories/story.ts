import type { Objectives } from "../../../../src/prometheus/slo.ts";
import type { ExpectedAlert, Labels, Slot, World, WorldOptions } from "../world.ts";

/** What happens to simulated probes, and which alerts must fire meanwhile. */
export type Story = {
  /** The name of its test. */
  name: string;
  /** Alerts that come close to firing, and must not at some point of the story. */
  nearMisses: string[];
  objectives?: Partial<Objectives>;
  options?: WorldOptions;
  externalLabels?: Labels;
  run: (world: World) => Promise<void>;
};

export const JOB = "dataplatform-probe";

/** Labels of an alert on dataset `a`. */
function dataset(labels: Labels = {}): Labels {
  return { job: JOB, dataset_id: "a", ...labels };
}

/** Labels of an alert on the probe at the default address. */
export function probe(labels: Labels = {}): Labels {
  return { job: JOB, instance: "probe:8000", ...labels };
}

export function fails(labels: Labels = {}): ExpectedAlert {
  return { alert: "DatasetFails", labels: dataset(labels) };
}

export function failsFrom(location: string): ExpectedAlert {
  return { alert: "DatasetFailsFromOneLocation", labels: dataset({ location }) };
}

export function fast(labels: Labels = {}, title = "Availability"): ExpectedAlert {
  return { alert: `Dataset${title}BudgetBurnsFast`, labels: dataset(labels) };
}

export function slowly(labels: Labels = {}, title = "Availability"): ExpectedAlert {
  return {
    alert: `Dataset${title}BudgetBurnsSlowly`,
    severity: "ticket",
    labels: dataset(labels),
  };
}

export const NO_TOKEN: ExpectedAlert = {
  alert: "ProbeTokenRequestsFail",
  severity: "ticket",
  labels: { job: JOB },
};

export const PROVIDER_FAILS: ExpectedAlert = {
  alert: "IdentityProviderFails",
  labels: { job: JOB },
};

export const REFUSED: ExpectedAlert = {
  alert: "ProbeCredentialsRefused",
  labels: { job: JOB },
};

export const NETWORK_SUSPECT: ExpectedAlert = {
  alert: "ProbeNetworkSuspect",
  labels: { job: JOB },
};

export const STALLED: ExpectedAlert = { alert: "ProbeStalled", labels: probe() };

/** One slot in `count` is bad, the others are fast. */
export function oneIn(count: number, bad: Slot): (slot: number) => Slot {
  return (slot) => slot % count === 0 ? bad : "fast";
}

/** The first `count` slots are bad, the others are fast. */
export function first(count: number, bad: Slot): (slot: number) => Slot {
  return (slot) => slot < count ? bad : "fast";
}
