import * as z from "zod/mini";
import type { Setting } from "./setting.ts";
import { baseUrl, bearerToken } from "./values.ts";

/** Where the page reads what was before this process. */
export const HISTORY_SETTINGS = {
  prometheusUrl: {
    env: "PROMETHEUS_URL",
    flag: "prometheus-url",
    placeholder: "URL",
    group: "History",
    help: "Prometheus, for what was before this process",
    defaultNote: "none: own memory alone",
    schema: baseUrl,
  },
  prometheusLocation: {
    env: "PROMETHEUS_LOCATION",
    flag: "prometheus-location",
    placeholder: "NAME",
    group: "History",
    help: "location whose probes are shown, by label",
    defaultNote: "all locations",
    schema: z.string().check(
      z.regex(/^[\x20-\x7e]{1,128}$/, "1 to 128 printable ASCII characters"),
    ),
  },
  prometheusToken: {
    env: "PROMETHEUS_BEARER_TOKEN",
    secret: true,
    secretKind: "single",
    group: "History",
    help: "bearer token that it requires",
    defaultNote: "none is sent",
    schema: bearerToken,
  },
  prometheusTokenFile: {
    env: "PROMETHEUS_BEARER_TOKEN_FILE",
    group: "History",
    help: "file with that token; read for each query",
    schema: z.string(),
  },
} as const satisfies Record<string, Setting>;
