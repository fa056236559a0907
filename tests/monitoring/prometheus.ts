import { eventually } from "../support/program.ts";

export type Job = {
  name: string;
  address: string;
  path: string;
  /** Further settings of the scrape configuration. */
  more?: Record<string, unknown>;
};

/** A series as the query API of Prometheus returns it: every stored sample, oldest first. */
type Series = { metric: Record<string, string>; values: [seconds: number, value: string][] };

const SCRAPE_INTERVAL = "500ms";

export type PrometheusOptions = {
  /** A file of rules, in YAML; they are evaluated at every scrape. */
  rules?: string;
  /** The Alertmanager that gets the alerts, as `host:port`. */
  alertmanager?: string;
  /** Added to what leaves this Prometheus. */
  externalLabels?: Record<string, string>;
};

/** Starts a Prometheus that scrapes these jobs, with its data in a temporary folder. */
export async function startPrometheus(jobs: readonly Job[], options: PrometheusOptions = {}) {
  const folder = await Deno.makeTempDir({ prefix: "prometheus-" });
  try {
    const prometheus = await startIn(folder, jobs, options);
    return {
      ...prometheus,
      async [Symbol.asyncDispose]() {
        await prometheus.stop();
        await Deno.remove(folder, { recursive: true });
      },
    };
  } catch (error) {
    await Deno.remove(folder, { recursive: true });
    throw error;
  }
}

async function startIn(folder: string, jobs: readonly Job[], options: PrometheusOptions) {
  await Deno.writeTextFile(`${folder}/prometheus.json`, configuration(jobs, options));
  await Deno.writeTextFile(`${folder}/rules.yaml`, options.rules ?? "");
  const { url, stop } = await startServer("prometheus", [
    // JSON is YAML.
    `--config.file=${folder}/prometheus.json`,
    `--storage.tsdb.path=${folder}/data`,
    "--enable-feature=exemplar-storage",
  ]);
  return { ...client(url), url, stop };
}

/**
 * Starts a Prometheus that scrapes nothing and holds these samples, in OpenMetrics, and what these
 * files of recording rules, in YAML, would have made of them, each also of what those before it have
 * recorded. It is stopped and its data removed in the end.
 */
export async function startWithPast(
  samples: string,
  ruleFiles: readonly string[],
  { startSeconds, endSeconds }: { startSeconds: number; endSeconds: number },
) {
  const folder = await Deno.makeTempDir({ prefix: "prometheus-" });
  const data = `${folder}/data`;
  let server: { url: string; stop: () => Promise<void> } | undefined;
  const start = async () => {
    await server?.stop();
    const args = [`--config.file=${folder}/prometheus.json`, `--storage.tsdb.path=${data}`];
    server = await startServer("prometheus", [...args, "--storage.tsdb.retention.time=10y"]);
    return server;
  };
  const remove = async () => {
    await server?.stop();
    await Deno.remove(folder, { recursive: true });
  };
  try {
    await Deno.writeTextFile(`${folder}/prometheus.json`, configuration([], {}));
    await Deno.writeTextFile(`${folder}/samples`, samples);
    await promtool("create-blocks-from", "openmetrics", `${folder}/samples`, data);
    for (const rules of ruleFiles) {
      await Deno.writeTextFile(`${folder}/rules.yaml`, rules);
      const { url } = await start();
      await promtool(
        ...["create-blocks-from", "rules", `--url=${url}`, `--output-dir=${data}`],
        ...[`--start=${startSeconds}`, `--end=${endSeconds}`, `${folder}/rules.yaml`],
      );
    }
    const { url } = await start();
    return { ...client(url), url, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function promtool(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("promtool", {
    args: ["tsdb", ...args],
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`promtool: ${new TextDecoder().decode(stderr)}`);
}

/** Starts Prometheus or Alertmanager on a free port, and waits until it is ready. */
export async function startServer(
  command: string,
  args: readonly string[],
): Promise<{ url: string; stop: () => Promise<void> }> {
  const child = new Deno.Command(command, {
    args: [...args, "--web.listen-address=127.0.0.1:0", "--log.format=json"],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let log = "";
  const logging = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) log += text;
  })();

  async function stop(): Promise<void> {
    try {
      child.kill("SIGKILL");
    } catch {
      // The process has ended already.
    }
    await Promise.all([child.status, logging]);
  }

  try {
    const url = await eventually(`${command} says where it listens`, () => addressIn(log));
    // The port is open before the server is ready.
    await eventually(`${command} is ready`, async () => {
      const response = await fetch(`${url}/-/ready`);
      await response.body?.cancel();
      return response.ok;
    });
    return { url, stop };
  } catch (error) {
    await stop();
    throw new Error(`${command} did not start: ${log}`, { cause: error });
  }
}

function client(url: string) {
  // deno-lint-ignore no-explicit-any -- the response's shape depends on the path
  async function get(path: string, parameters: Record<string, string>): Promise<any> {
    const query = new URLSearchParams(parameters);
    const { status, data, error } = await (await fetch(`${url}/api/v1/${path}?${query}`)).json();
    if (status !== "success") throw new Error(`Prometheus: ${error} in ${query}`);
    return data;
  }

  return {
    /** All stored samples of the series that match the selector. */
    async stored(selector: string): Promise<Series[]> {
      return (await get("query", { query: `${selector}[1h]` })).result;
    },
    /** The result of the expression now. */
    async query(
      expression: string,
    ): Promise<{ metric: Record<string, string>; value: [seconds: number, value: string] }[]> {
      return (await get("query", { query: expression })).result;
    },
    /** The trace ids of the stored exemplars. */
    async traceIds(selector: string): Promise<string[]> {
      const now = Date.now() / 1e3;
      const found: { exemplars: { labels: { trace_id: string } }[] }[] = await get(
        "query_exemplars",
        { query: selector, start: String(now - 3600), end: String(now + 60) },
      );
      return found.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels.trace_id));
    },
  };
}

function configuration(
  jobs: readonly Job[],
  { rules, alertmanager, externalLabels = {} }: PrometheusOptions,
): string {
  return JSON.stringify({
    global: {
      scrape_interval: SCRAPE_INTERVAL,
      scrape_timeout: SCRAPE_INTERVAL,
      evaluation_interval: SCRAPE_INTERVAL,
      external_labels: externalLabels,
    },
    rule_files: rules === undefined ? [] : ["rules.yaml"],
    alerting: {
      alertmanagers: alertmanager === undefined
        ? []
        : [{ static_configs: [{ targets: [alertmanager] }] }],
    },
    scrape_configs: jobs.map(({ name, address, path, more }) => ({
      job_name: name,
      metrics_path: path,
      static_configs: [{ targets: [address] }],
      ...more,
    })),
  });
}

function addressIn(log: string): string | undefined {
  const line = log.split("\n").find((each) => each.includes('"msg":"Listening on"'));
  return line && `http://${JSON.parse(line).address}`;
}
