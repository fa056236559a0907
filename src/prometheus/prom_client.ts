/**
 * The instruments of prom-client. Its index would also load a push gateway, quantiles and the
 * default metrics of Node at every start, which the probe does not use.
 */
import type * as client from "prom-client";
import counter from "prom-client/lib/counter.js";
import gauge from "prom-client/lib/gauge.js";
import histogram from "prom-client/lib/histogram.js";
import registry from "prom-client/lib/registry.js";

export const Counter: typeof client.Counter = counter;
export const Gauge: typeof client.Gauge = gauge;
export const Histogram: typeof client.Histogram = histogram;
export const Registry: typeof client.Registry = registry;
export type Counter = client.Counter;
export type Gauge = client.Gauge;
export type Histogram = client.Histogram;
export type Registry = client.Registry<client.RegistryContentType>;
