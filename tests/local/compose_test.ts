import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { parse } from "npm:deno-std@1.4.0/yaml/parse.js";
import { startHttpServer } from "../../local/http_server/http_server.ts";
import { NO_FAULTS } from "../../local/http_server/faults.ts";
import { SERVICES } from "../../local/run.ts";
import { parseConfig } from "../../src/config/config.ts";
import { VARIABLES } from "../../src/config/settings.ts";
import { rules } from "../../src/prometheus/rules/rules.ts";
import { REASONS } from "../../src/core/reasons.ts";
import { baseEnvironment, eventually, ROOT, run, shell } from "../support/program.ts";
import { WITHOUT_ALERTMANAGER, WITHOUT_PROMTOOL } from "../support/prometheus_tools.ts";

type Service = {
  image?: string;
  build?: { context: string; target?: string };
  profiles?: string[];
  ports: string[];
  volumes?: string[];
  environment?: Record<string, string>;
  command?: string[];
  restart?: string;
  extra_hosts?: string[];
  healthcheck?: { test: string[] };
  depends_on?: Record<string, { condition: string }>;
  read_only?: boolean;
  cap_drop?: string[];
  security_opt?: string[];
};

const compose: { services: Record<string, Service>; volumes: Record<string, null> } = await yaml(
  "compose.yaml",
);

type ServiceName = keyof typeof SERVICES | "probe";

function service(name: ServiceName): Service {
  const found = compose.services[name];
  if (!found) throw new Error(`compose.yaml has no service ${name}`);
  return found;
}

const prometheus = await yaml("local/prometheus/prometheus.yml");
const alertmanager = await yaml("local/alertmanager/alertmanager.yml");
const dockerfile = await text("Dockerfile");

function text(path: string): Promise<string> {
  return Deno.readTextFile(`${ROOT}${path}`);
}

async function yaml(path: string) {
  return parse(await text(path));
}

/** The only published port of a service: address and port on the host, port in the container. */
function publishedPort({ ports }: Service) {
  assertEquals(ports.length, 1);
  const [, address = "", port, inside] = ports.join().match(/^([\d.]+):(\d+):(\d+)$/) ?? [];
  return { address, port: Number(port), inside: Number(inside) };
}

/** The mounts of a service: named volumes, and folders of this project with their mount points. */
function mountsOf({ volumes = [] }: Service) {
  const names: string[] = [];
  const folders: { source: string; target: string }[] = [];
  for (const volume of volumes) {
    const [source = "", target = "", mode] = volume.split(":");
    if (!source.startsWith("./")) {
      names.push(source);
      continue;
    }
    assertEquals(mode, "ro", source);
    folders.push({ source: source.slice(2), target });
  }
  return { names, folders };
}

/** The file of this project at a path in the container of a service. */
function projectPath(service: Service, path: string): string {
  const found = mountsOf(service).folders.find(({ target }) => path.startsWith(`${target}/`));
  if (!found) throw new Error(`nothing is mounted at ${path}`);
  return found.source + path.slice(found.target.length);
}

function flagOf({ command = [] }: Service, name: string): string {
  const flag = command.find((word) => word.startsWith(`--${name}=`));
  if (!flag) throw new Error(`no flag --${name} in ${command.join(" ")}`);
  return flag.slice(name.length + 3);
}

Deno.test("every service has its own port, and only the probe's is open to other machines", () => {
  const ports = Object.entries(compose.services).map(([name, service]) => {
    const { address, port, inside } = publishedPort(service);
    assertEquals(address, name === "probe" ? "0.0.0.0" : "127.0.0.1", name);
    assertEquals(inside, name === "tns-db" ? 80 : port, name);
    return [name, port];
  });
  assertEquals(Object.fromEntries(ports), {
    prometheus: 9090,
    grafana: 3000,
    alertmanager: 9093,
    "alert-receiver": 8083,
    emulator: 8081,
    probe: 8000,
    "tns-db": 8082,
  });
});

Deno.test("deno task run starts and names the services of compose.yaml", () => {
  const started = Object.entries(compose.services).filter(([_name, { profiles }]) => !profiles);
  assertEquals(Object.keys(SERVICES).sort(), started.map(([name]) => name).sort());
  const lines = new Map(Object.entries(SERVICES));
  for (const [name, service] of started) {
    const { port } = publishedPort(service);
    assertMatch(lines.get(name) ?? "", new RegExp(` http://localhost:${port}\\b`));
  }
  const { GF_SECURITY_ADMIN_USER: user, GF_SECURITY_ADMIN_PASSWORD: password } =
    service("grafana").environment ?? {};
  assertStringIncludes(SERVICES.grafana, `(${user}/${password})`);
});

Deno.test("every image is pinned, or built from a stage of the Dockerfile", () => {
  for (const [name, { image, build }] of Object.entries(compose.services)) {
    assert((image === undefined) !== (build === undefined), name);
    if (image) assertMatch(image, /^[\w./-]+:(v?\d+\.\d+\.\d+|[0-9a-f]{7})$/, name);
    if (build?.target) assertMatch(dockerfile, new RegExp(`^FROM .* AS ${build.target}$`, "m"));
  }
});

Deno.test("every service restarts, cannot gain privileges, and has a health check", () => {
  for (const [name, service] of Object.entries(compose.services)) {
    assertEquals(service.restart, "unless-stopped", name);
    assert(service.security_opt?.includes("no-new-privileges:true"), name);
    // Nothing says with which program its image could be checked.
    if (name === "tns-db") continue;
    const [how, command] = service.healthcheck?.test ?? [];
    assertEquals(how, "CMD", name);
    assert(command, name);
  }
});

Deno.test("mounted folders exist, and named volumes are declared and used", async () => {
  const named = Object.values(compose.services).flatMap((service) => mountsOf(service).names);
  assertEquals(named.sort(), Object.keys(compose.volumes).sort());
  for (const service of Object.values(compose.services)) {
    for (const { source } of mountsOf(service).folders) {
      assert((await Deno.stat(`${ROOT}${source}`)).isDirectory, source);
    }
  }
});

Deno.test("the probe has no capabilities, and its health check is its own program", () => {
  const { read_only, cap_drop, healthcheck, depends_on } = service("probe");
  assertEquals({ read_only, cap_drop }, { read_only: true, cap_drop: ["ALL"] });
  assertEquals(depends_on, { emulator: { condition: "service_healthy" } });
  const [, entrypoint] = dockerfile.match(/^ENTRYPOINT \["(.*)"\]$/m) ?? [];
  assertEquals(healthcheck?.test, ["CMD", entrypoint, "--healthcheck"]);
});

Deno.test("the probe accepts its variables and probes the emulator with them", async () => {
  const { environment = {} } = service("probe");
  for (const name of Object.keys(environment)) assert(VARIABLES.includes(name), name);
  const configured = parseConfig({ flags: {}, env: (name) => environment[name] }, () => "00000000");
  if (!configured.ok) throw new Error(configured.problems.join("\n"));
  const { config } = configured;
  const { port } = publishedPort(service("emulator"));
  for (const address of [config.apiUrl, config.credentials?.tokenUrl]) {
    assertEquals(new URL(address ?? "").host, `emulator:${port}`);
  }
  assertEquals(config.port, publishedPort(service("probe")).inside);

  const emulator = startHttpServer({ faults: NO_FAULTS, requireToken: true });
  try {
    const env = Object.entries(environment).map(([name, value]) =>
      [name, value.replace(`http://emulator:${port}`, emulator.url)] as const
    );
    const { code, stderr } = await run({ args: ["--once"], env: Object.fromEntries(env) });
    assertEquals(code, 0, stderr);
  } finally {
    await emulator.shutdown();
  }
});

/** The environment with the default in place of each `${NAME:-default}`. */
function defaultsOf(environment: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [
      name,
      String(value).replace(/^\$\{\w+:-(.*)\}$/, "$1"),
    ]),
  );
}

for (
  const [name, prefix] of [
    ["emulator", "HTTP_SERVER"],
    ["alert-receiver", "ALERT_RECEIVER"],
  ] as const
) {
  Deno.test(`${name} starts with its command on all addresses, and its health check works`, async () => {
    const { command = [], environment, healthcheck } = service(name);
    assertEquals(command[0], "deno");
    const child = new Deno.Command(Deno.execPath(), {
      args: command.slice(1),
      cwd: ROOT,
      clearEnv: true,
      env: { ...baseEnvironment(), ...defaultsOf(environment), [`${prefix}_PORT`]: "0" },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    let log = "";
    const reading = (async () => {
      for await (const part of child.stderr.pipeThrough(new TextDecoderStream())) log += part;
    })();
    try {
      const port = await eventually(
        "its start",
        () => log.match(/^Listening on http:\/\/0\.0\.0\.0:([1-9]\d*)/m)?.[1],
      );
      const { inside } = publishedPort(service(name));
      const check = healthcheck?.test.slice(2) ?? [];
      const healthOn = async (port: string) => {
        const args = check.map((word) =>
          word.replace(`127.0.0.1:${inside}/`, `127.0.0.1:${port}/`)
        );
        assert(args.join(" ") !== check.join(" "), "the health check uses the published port");
        const { code } = await new Deno.Command(Deno.execPath(), {
          args,
          stdout: "null",
          stderr: "null",
        }).output();
        return code;
      };
      assertEquals(await healthOn(port), 0, log);
      child.kill("SIGTERM");
      assertEquals((await child.status).code, 0, log);
      assertEquals(await healthOn(port), 1);
    } finally {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended already.
      }
      await reading;
    }
  });
}

Deno.test("Prometheus scrapes the probe and keeps its metrics for the error budget", () => {
  const { job_name, static_configs } = prometheus.scrape_configs[0];
  assertEquals(job_name, "dataplatform-probe");
  const { port } = publishedPort(service("probe"));
  assertEquals(static_configs, [{ targets: [`host.docker.internal:${port}`] }]);
  assertEquals(service("prometheus").extra_hosts, ["host.docker.internal:host-gateway"]);
  const retention = flagOf(service("prometheus"), "storage.tsdb.retention.time");
  const [, days] = retention.match(/^(\d+)d$/) ?? [];
  assert(Number(days) >= 35, retention);
});

Deno.test("alerts go from Prometheus through Alertmanager to the receiver", () => {
  const address = (name: ServiceName) => `${name}:${publishedPort(service(name)).inside}`;
  const [{ static_configs }] = prometheus.alerting.alertmanagers;
  assertEquals(static_configs, [{ targets: [address("alertmanager")] }]);
  const [{ name, webhook_configs }] = alertmanager.receivers;
  assertEquals(alertmanager.route.receiver, name);
  assertEquals(webhook_configs, [
    { url: `http://${address("alert-receiver")}/`, send_resolved: true },
  ]);
});

Deno.test("the configured paths in containers are files of this project", async () => {
  const configurationOf = (name: ServiceName) =>
    projectPath(service(name), flagOf(service(name), "config.file"));
  assertEquals(configurationOf("prometheus"), "local/prometheus/prometheus.yml");
  assertEquals(configurationOf("alertmanager"), "local/alertmanager/alertmanager.yml");
  assertEquals(prometheus.rule_files, ["rules.yaml"]);

  const grafana = service("grafana");
  const { GF_PATHS_PROVISIONING = "", GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH = "" } =
    grafana.environment ?? {};
  const provisioning = projectPath(grafana, GF_PATHS_PROVISIONING);
  const sources = await yaml(`${provisioning}/datasources/prometheus.yaml`);
  const [source] = sources.datasources;
  assertEquals(
    { uid: source.uid, url: source.url, isDefault: source.isDefault },
    { uid: "prometheus", url: "http://prometheus:9090", isDefault: true },
  );
  assertEquals(source.jsonData.timeInterval, prometheus.global.scrape_interval);
  const { providers } = await yaml(`${provisioning}/dashboards/dataplatform-probe.yaml`);
  const dashboard = "local/grafana/dashboard.json";
  assertEquals(projectPath(grafana, `${providers[0].options.path}/dashboard.json`), dashboard);
  assertEquals(projectPath(grafana, GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH), dashboard);
});

Deno.test("inhibitions refer to alerts of the rules", () => {
  const alerts = rules({ taskIntervalSeconds: 10, availability: 0.999, latencySeconds: 1 }).groups
    .flatMap((group) => group.rules)
    .flatMap((rule) => "alert" in rule ? [rule.alert] : []);
  for (const { source_matchers, target_matchers } of alertmanager.inhibit_rules) {
    for (const matcher of [...source_matchers, ...target_matchers]) {
      const [, pattern] = matcher.match(/^alertname=~?"(.*)"$/) ?? [];
      if (!pattern) {
        const [, named = ""] = matcher.match(/^reason=~?"(.*)"$/) ?? [];
        const known: readonly string[] = REASONS;
        for (const reason of named.split("|")) assert(known.includes(reason), matcher);
        continue;
      }
      assert(alerts.some((alert) => new RegExp(`^${pattern}$`).test(alert)), matcher);
    }
  }
});

Deno.test({
  name: "amtool accepts the configuration of Alertmanager",
  ignore: WITHOUT_ALERTMANAGER,
  async fn() {
    const { code, stdout, stderr } = await shell(
      "amtool check-config local/alertmanager/alertmanager.yml",
    );
    assertEquals(code, 0, stdout + stderr);
  },
});

Deno.test({
  name: "promtool accepts the configuration of Prometheus",
  ignore: WITHOUT_PROMTOOL,
  async fn() {
    const { code, stdout, stderr } = await shell(
      "promtool check config local/prometheus/prometheus.yml",
    );
    assertEquals(code, 0, stdout + stderr);
  },
});
