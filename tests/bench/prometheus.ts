import { Child, freePort } from "./child.ts";
import { temporaryPath } from "../support/temporary.ts";

/** Debian's Prometheus, which has the blackbox_exporter at this port probe the targets every `intervalMs`. */
export function startPrometheus(
  { blackboxPort, targets, intervalMs }: {
    blackboxPort: number;
    targets: readonly string[];
    intervalMs: number;
  },
): Child {
  const port = freePort();
  const config = temporaryPath(`prometheus-${port}.json`);
  const job = {
    job_name: "blackbox",
    metrics_path: "/probe",
    scrape_interval: `${intervalMs}ms`,
    scrape_timeout: `${intervalMs}ms`,
    static_configs: [{ targets }],
    // As its documentation has it.
    relabel_configs: [
      { source_labels: ["__address__"], target_label: "__param_target" },
      { source_labels: ["__param_target"], target_label: "instance" },
      { target_label: "__address__", replacement: `127.0.0.1:${blackboxPort}` },
    ],
  };
  // JSON is YAML.
  Deno.writeTextFileSync(config, JSON.stringify({ scrape_configs: [job] }));
  return new Child(
    [
      "prometheus",
      `--config.file=${config}`,
      `--storage.tsdb.path=${temporaryPath(`prometheus-${port}`)}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stderr: "/dev/null" },
  );
}
