/**
 * Writes every file that is made from the code or from a package: the tables of the documentation,
 * the Prometheus rules, the Grafana dashboard, the status page's script and style, the parser. With
 * `--check` it writes nothing, names the files that differ, and fails.
 */
import { stringify } from "@std/yaml/stringify";
import { dashboard } from "../../src/prometheus/dashboard/dashboard.ts";
import { rules, rulesAsYaml } from "../../src/prometheus/rules/rules.ts";
import { pageScript, pageStyle } from "./page.ts";
import { parserModule } from "./parser.ts";
import { DOCUMENTS, OBJECTIVES, withTables } from "./docs_tables.ts";

const root = new URL("../..", import.meta.url);

/** Where the services of `compose.yaml` and a probe beside them are. */
const LOCAL_LINKS = {
  publicUrl: "http://localhost:8000",
  dashboardUrl: "http://localhost:3000/d/dataplatform-probe",
};

/** The files, and what each must hold given what it holds now. */
const GENERATED: Record<string, (now: string) => string | Promise<string>> = {
  ...Object.fromEntries(
    Object.keys(DOCUMENTS).map((path) => [path, (now: string) => withTables(path, now)]),
  ),
  "local/prometheus/rules.yaml": () => rulesAsYaml(OBJECTIVES, { links: LOCAL_LINKS }),
  "local/grafana/dashboard.json": () => JSON.stringify(dashboard(OBJECTIVES), null, 2) + "\n",
  "src/http_client/generated/llhttp_wasm.ts": parserModule,
  "src/status_page/generated/client.js": pageScript,
  "src/status_page/generated/page.min.css": pageStyle,
  "deploy/kubernetes/prometheus-rule.yaml": () =>
    stringify({
      apiVersion: "monitoring.coreos.com/v1",
      kind: "PrometheusRule",
      metadata: { name: "dataplatform-probe" },
      spec: rules(OBJECTIVES),
    }, { lineWidth: -1 }),
};

/** The generated files that are not what the code says, with what they should be. */
export async function stale(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const [path, make] of Object.entries(GENERATED)) {
    const now = await Deno.readTextFile(new URL(path, root)).catch(() => "");
    const right = await make(now);
    if (right !== now) found.set(path, right);
  }
  return found;
}

if (import.meta.main) {
  for (const [path, right] of await stale()) {
    if (Deno.args.includes("--check")) {
      console.error(`${path} differs from the code; run \`deno task generate\``);
      Deno.exitCode = 1;
    } else {
      await Deno.writeTextFile(new URL(path, root), right);
      console.log(`wrote ${path}`);
    }
  }
}
