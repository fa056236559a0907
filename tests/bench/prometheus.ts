import { Child, freePort } from "./child.ts";
import { temporaryPath } from "./temporary.ts";

/** Debian's Prometheus, which has `blackbox` probe `target` every `intervalMs`. */
export function startPrometheus(
  { blackboxPort, target, intervalMs }: {
    blackboxPort: number;
    target: string;
    intervalMs: number;
  },
): Child {
  const config = temporaryPath("prometheus.json");
  const job = {
    job_name: "blackbox",
    metrics_path: "/probe",
    params: { target: [target] },
    scrape_interval: `${intervalMs}ms`,
    scrape_timeout: `${intervalMs}ms`,
    static_configs: [{ targets: [`127.0.0.1:${blackboxPort}`] }],
  };
  // JSON is YAML.
  Deno.writeTextFileSync(config, JSON.stringify({ scrape_configs: [job] }));
  return new Child(
    [
      "prometheus",
      `--config.file=${config}`,
      `--storage.tsdb.path=${temporaryPath("prometheus")}`,
      `--web.listen-address=127.0.0.1:${freePort()}`,
    ],
    { stderr: "/dev/null" },
  );
}
