import type { Draw } from "./draw.ts";

/** Every secret contains this, in every encoding, and no output of the probe may. */
export const SECRET_MARK = "s3cr3t";

export const HOSTS = {
  api: "api.test",
  provider: "login.test",
  heartbeat: "heartbeat.test",
  prometheus: "prometheus.test",
};

/** What Prometheus requires. */
export const PROMETHEUS_TOKEN = `${SECRET_MARK}-prometheus`;

/** The configuration of a run. */
export type Settings = {
  env: Record<string, string>;
  /** Contents of the files that the configuration names. */
  files: Record<string, string>;
  table: boolean;
  clientSecret: string;
  bearerToken: string | null;
};

/** Draws a configuration; `fixed` variables are taken as they are. */
export function drawSettings(draw: Draw, fixed: Record<string, string> = {}): Settings {
  const [min, max] = fixed.TASK_INTERVAL_SECONDS ? [10, 10] : drawIntervals(draw);
  const interval = seconds(draw, min, max);
  const sometimes = (probability: number, env: () => Record<string, string>) =>
    draw.chance(probability) ? env() : {};
  const clientSecret = `${SECRET_MARK} &"/+ü`;
  const isSecretInFile = draw.chance(0.3);
  const bearerToken = draw.chance(0.15) ? `${SECRET_MARK}-reader` : null;
  const datasets = draw.whole(1, draw.whole(1, 5));
  const env = {
    DATASET_ID: Array.from({ length: datasets }, (_, i) => `dataset-${i + 1}`).join(","),
    APP_ID: "simulated",
    TASK_INTERVAL_SECONDS: interval,
    ...sometimes(0.7, () => ({ TASK_TIMEOUT_SECONDS: seconds(draw, 0.5, 120) })),
    ...sometimes(0.7, () => ({ REQUEST_TIMEOUT_SECONDS: seconds(draw, 0.2, 30) })),
    ...sometimes(0.7, () => ({ RETRIES: String(draw.whole(0, 10)) })),
    ...sometimes(0.6, () => ({ MAX_IN_FLIGHT_TASKS: String(draw.whole(1, 20)) })),
    ...sometimes(0.6, () => ({ MAX_TRACKED_TASKS: String(Math.round(draw.logBetween(1, 500))) })),
    ...sometimes(0.6, () => ({ DISMISS_TASK_SECONDS: seconds(draw, 5, 3600) })),
    ...sometimes(0.6, () => ({ CLEAN_TASKS_INTERVAL_SECONDS: seconds(draw, 3, 600) })),
    ...sometimes(0.5, () => ({ TABLE_INTERVAL_SECONDS: seconds(draw, 10, 300) })),
    ...sometimes(0.4, () => ({ SLO_LATENCY_SECONDS: seconds(draw, 0.05, 20) })),
    ...sometimes(0.3, () => ({ LOG_LEVEL: "debug" })),
    ...sometimes(0.5, () => ({
      HEARTBEAT_URL: `https://${HOSTS.heartbeat}/${SECRET_MARK}?key=${SECRET_MARK}`,
    })),
    ...(draw.chance(0.65)
      ? {
        OKDATA_API_URL: `https://${HOSTS.api}/metadata/datasets`,
        OKDATA_TOKEN_URL: `https://${HOSTS.provider}/token`,
        OKDATA_CLIENT_ID: "probe",
        ...(isSecretInFile
          ? { OKDATA_CLIENT_SECRET_FILE: "/run/secret" }
          : { OKDATA_CLIENT_SECRET: clientSecret }),
      }
      : {
        LOCAL_SERVICES_ONLY: "true",
        OKDATA_API_URL: `${draw.pick(["http", "https"])}://${HOSTS.api}/metadata`,
      }),
    ...(bearerToken ? { HTTP_BEARER_TOKEN_FILE: "/run/reader" } : {}),
    ...sometimes(0.5, () => ({
      PROMETHEUS_URL: `https://${HOSTS.prometheus}`,
      PROMETHEUS_BEARER_TOKEN: PROMETHEUS_TOKEN,
    })),
    ...fixed,
  };
  const files = { "/run/secret": `${clientSecret}\n`, "/run/reader": `${bearerToken}\n` };
  return { env, files, table: draw.chance(0.15), clientSecret, bearerToken };
}

/** Short intervals are rare, because their runs take longest. */
function drawIntervals(draw: Draw): [number, number] {
  const share = draw.random.fraction();
  if (share < 0.0005) return [0.1, 0.5];
  if (share < 0.006) return [0.5, 3];
  return share < 0.08 ? [3, 15] : [15, 60];
}

/** Half of them are round numbers, so that events coincide. */
function seconds(draw: Draw, min: number, max: number): string {
  const value = draw.logBetween(min, max);
  const digits = draw.chance(0.5) ? 1 : 4;
  return String(Math.max(min, Number(value.toPrecision(digits))));
}
