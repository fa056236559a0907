import { Child, eventuallyFetch, freePort } from "./child.ts";
import { metricIn } from "./exposition.ts";
import { temporaryPath } from "../support/temporary.ts";

/** Prometheus' own prober, with its usual module for HTTP. */
export class Blackbox extends Child {
  constructor(readonly port: number, authorityFile?: string) {
    const config = temporaryPath(`blackbox-${port}.json`);
    const http = authorityFile ? { http: { tls_config: { ca_file: authorityFile } } } : {};
    Deno.writeTextFileSync(
      config,
      JSON.stringify({ modules: { http_2xx: { prober: "http", ...http } } }),
    );
    super(
      [
        "prometheus-blackbox-exporter",
        `--config.file=${config}`,
        `--web.listen-address=127.0.0.1:${port}`,
        // Of Prometheus' limit it keeps half a second for itself, more than a short interval has.
        "--timeout-offset=0.01",
      ],
      { stderr: "/dev/null" },
    );
  }

  /** Starts it; it listens when this returns. It trusts the system's authorities, or this one. */
  static async start(authorityFile?: string): Promise<Blackbox> {
    const blackbox = new Blackbox(freePort(), authorityFile);
    await blackbox.unlessItEnds(eventuallyFetch(`http://127.0.0.1:${blackbox.port}/metrics`));
    return blackbox;
  }

  /** What makes it probe `target`, once for each request. */
  probeUrl(target: string): string {
    return `http://127.0.0.1:${this.port}/probe?${new URLSearchParams({ target })}`;
  }

  /** Makes it probe `target` and returns how long it says that this took. */
  async probe(target: string): Promise<number> {
    const exposition = await (await fetch(this.probeUrl(target))).text();
    if (metricIn(exposition, "probe_success") !== 1) throw new Error(`it failed:\n${exposition}`);
    return metricIn(exposition, "probe_duration_seconds");
  }
}
