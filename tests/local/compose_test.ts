import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { parse } from "npm:deno-std@1.4.0/yaml/parse.js";
import { startHttpServer } from "../../local/http_server/http_server.ts";
import { NO_FAULTS } from "../../local/http_server/faults.ts";
import { SERVICES } from "../../local/run.ts";
import { parseConfig, VARIABLES } from "../../src/config/config.ts";
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
const { services } = compose;
const prometheus = await yaml("local/prometheus/prometheus.yml");
const alertmanager = await yaml("local/alertmanager/alertmanager.yml");
const dockerfile = await text("Dockerfile");

function text(path: string): Promise<string> {
  return Deno.readTextFile(`${ROOT}${path}`);
}

async function yaml(path: string) {
  return parse(await text(path));
}

/** The address, the port on it, and the port inside of its container. */
function publishedPort({ ports }: Service): [address: string, port: number, inside: number] {
  assertEquals(ports.length, 1);
  const [, address, port, inside] = ports[0].match(/^([\d.]+):(\d+):(\d+)$/) ?? [];
  return [address, Number(port), Number(inside)];
}

/** The mounts of a service: named volumes, and folders of this project, by their place inside. */
function mountsOf({ volumes = [] }: Service) {
  const mounts = volumes.map((volume) => volume.split(":"));
  const isFolder = ([source]: string[]) => source.startsWith("./");
  const folders = mounts.filter(isFolder).map(([source, inside, mode]) => {
    assertEquals(mode, "ro", source);
    return [inside, source.slice(2)] as const;
  });
  const named = mounts.filter((mount) => !isFolder(mount)).map(([name]) => name);
  return { named, folders: new Map(folders) };
}

/** What stands in this project at a path inside of a container. */
function projectPath(service: Service, inside: string): string {
  const found = [...mountsOf(service).folders].find(([place]) => inside.startsWith(`${place}/`));
  if (!found) throw new Error(`nothing is mounted at ${inside}`);
  const [place, source] = found;
  return source + inside.slice(place.length);
}

function flagOf({ command = [] }: Service, name: string): string | undefined {
  return command.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3);
}

Deno.test("every service has its own port, open to this machine alone but for the probe's", () => {
  const ports = Object.entries(services).map(([name, service]) => {
    const [address, port, inside] = publishedPort(service);
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

Deno.test("what deno task run brings up and names is what compose.yaml has", () => {
  const always = Object.keys(services).filter((name) => !services[name].profiles);
  assertEquals(Object.keys(SERVICES).sort(), always.sort());
  for (const [name, line] of Object.entries(SERVICES)) {
    const [, port] = publishedPort(services[name]);
    assertMatch(line, new RegExp(` http://localhost:${port}\\b`));
  }
  const { GF_SECURITY_ADMIN_USER: user, GF_SECURITY_ADMIN_PASSWORD: password } = services.grafana
    .environment!;
  assertStringIncludes(SERVICES.grafana, `(${user}/${password})`);
});

Deno.test("every image is pinned, or built from a stage of the Dockerfile", () => {
  for (const [name, { image, build }] of Object.entries(services)) {
    assert((image === undefined) !== (build === undefined), name);
    if (image) assertMatch(image, /^[\w./-]+:(v?\d+\.\d+\.\d+|[0-9a-f]{7})$/, name);
    if (build?.target) assertMatch(dockerfile, new RegExp(`^FROM .* AS ${build.target}$`, "m"));
  }
});

Deno.test("every service comes back, cannot gain privileges, and tells its health", () => {
  for (const [name, service] of Object.entries(services)) {
    assertEquals(service.restart, "unless-stopped", name);
    assert(service.security_opt?.includes("no-new-privileges:true"), name);
    // What its image has to ask with is nowhere told.
    if (name === "tns-db") continue;
    const [how, command] = service.healthcheck?.test ?? [];
    assertEquals(how, "CMD", name);
    assert(command, name);
  }
});

Deno.test("mounted folders exist, and named volumes are declared and used", async () => {
  const named = Object.values(services).flatMap((service) => mountsOf(service).named);
  assertEquals(named.sort(), Object.keys(compose.volumes).sort());
  for (const service of Object.values(services)) {
    for (const folder of mountsOf(service).folders.values()) {
      assert((await Deno.stat(`${ROOT}${folder}`)).isDirectory, folder);
    }
  }
});

Deno.test("the probe is shut in, and asked for its health with what its image has", () => {
  const { read_only, cap_drop, healthcheck, depends_on } = services.probe;
  assertEquals({ read_only, cap_drop }, { read_only: true, cap_drop: ["ALL"] });
  assertEquals(depends_on, { emulator: { condition: "service_healthy" } });
  const [, entrypoint] = dockerfile.match(/^ENTRYPOINT \["(.*)"\]$/m) ?? [];
  assertEquals(healthcheck?.test, ["CMD", entrypoint, "--healthcheck"]);
});

Deno.test("the probe understands its variables, and probes the emulator with them", async () => {
  const { environment = {} } = services.probe;
  for (const name of Object.keys(environment)) assert(VARIABLES.includes(name), name);
  const configured = parseConfig({ flags: {}, env: (name) => environment[name] }, () => "00000000");
  if (!configured.ok) throw new Error(configured.problems.join("\n"));
  const { config } = configured;
  const [, port] = publishedPort(services.emulator);
  for (const address of [config.apiUrl, config.credentials?.tokenUrl]) {
    assertEquals(new URL(address ?? "").host, `emulator:${port}`);
  }
  assertEquals(config.port, publishedPort(services.probe)[2]);

  const emulator = startHttpServer({ faults: NO_FAULTS, requireToken: true });
  try {
    const here = Object.entries(environment).map(([name, value]) =>
      [name, value.replace(`http://emulator:${port}`, emulator.url)] as const
    );
    const { code, stderr } = await run({ args: ["--once"], env: Object.fromEntries(here) });
    assertEquals(code, 0, stderr);
  } finally {
    await emulator.shutdown();
  }
});

/** An environment in which `${NAME:-default}` is its default, as where nothing is set. */
function defaultsOf(environment: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [
      name,
      String(value).replace(/^\$\{\w+:-(.*)\}$/, "$1"),
    ]),
  );
}

for (
  const [name, variable] of [["emulator", "HTTP_SERVER"], ["alert-receiver", "ALERT_RECEIVER"]]
) {
  Deno.test(`${name} starts with its command, for all addresses, and is found healthy`, async () => {
    const { command = [], environment, healthcheck } = services[name];
    assertEquals(command[0], "deno");
    const child = new Deno.Command(Deno.execPath(), {
      args: command.slice(1),
      cwd: ROOT,
      clearEnv: true,
      env: { ...baseEnvironment(), ...defaultsOf(environment), [`${variable}_PORT`]: "0" },
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
        "it says where it listens",
        () => log.match(/^Listening on http:\/\/0\.0\.0\.0:([1-9]\d*)/m)?.[1],
      );
      const [, , inside] = publishedPort(services[name]);
      const [, , ...check] = healthcheck!.test;
      const healthOn = async (port: string) => {
        const args = check.map((word) =>
          word.replace(`127.0.0.1:${inside}/`, `127.0.0.1:${port}/`)
        );
        assert(args.join(" ") !== check.join(" "), "it asks the port that is published");
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
        // It has ended.
      }
      await reading;
    }
  });
}

Deno.test("Prometheus scrapes the probe wherever it runs, and keeps an error budget", () => {
  const { job_name, static_configs } = prometheus.scrape_configs[0];
  assertEquals(job_name, "dataplatform-probe");
  const [, port] = publishedPort(services.probe);
  assertEquals(static_configs, [{ targets: [`host.docker.internal:${port}`] }]);
  assertEquals(services.prometheus.extra_hosts, ["host.docker.internal:host-gateway"]);
  const [, days] = flagOf(services.prometheus, "storage.tsdb.retention.time")!.match(/^(\d+)d$/)!;
  assert(Number(days) >= 35, `${days} days`);
});

Deno.test("alerts go from Prometheus to Alertmanager to the receiver", () => {
  const address = (name: string) => `${name}:${publishedPort(services[name])[2]}`;
  const [{ static_configs }] = prometheus.alerting.alertmanagers;
  assertEquals(static_configs, [{ targets: [address("alertmanager")] }]);
  const [{ name, webhook_configs }] = alertmanager.receivers;
  assertEquals(alertmanager.route.receiver, name);
  assertEquals(webhook_configs, [
    { url: `http://${address("alert-receiver")}/`, send_resolved: true },
  ]);
});

Deno.test("the files that are named inside of containers are those of this project", async () => {
  const configurationOf = (name: string) =>
    projectPath(services[name], flagOf(services[name], "config.file")!);
  assertEquals(configurationOf("prometheus"), "local/prometheus/prometheus.yml");
  assertEquals(configurationOf("alertmanager"), "local/alertmanager/alertmanager.yml");
  assertEquals(prometheus.rule_files, ["rules.yaml"]);

  const { grafana } = services;
  const { GF_PATHS_PROVISIONING, GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH } = grafana.environment!;
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

Deno.test("whatever inhibits or is inhibited is an alert that the rules have", () => {
  const alerts = rules({ taskIntervalSeconds: 10, availability: 0.999, latencySeconds: 1 }).groups
    .flatMap((group) => group.rules)
    .flatMap((rule) => "alert" in rule ? [rule.alert] : []);
  for (const { source_matchers, target_matchers } of alertmanager.inhibit_rules) {
    for (const matcher of [...source_matchers, ...target_matchers]) {
      const [, pattern] = matcher.match(/^alertname=~?"(.*)"$/) ?? [];
      if (!pattern) {
        assert(REASONS.some((reason) => matcher === `reason="${reason}"`), matcher);
        continue;
      }
      assert(alerts.some((alert) => new RegExp(`^${pattern}$`).test(alert)), matcher);
    }
  }
});

Deno.test({
  name: "amtool finds no fault with the configuration of Alertmanager",
  ignore: WITHOUT_ALERTMANAGER,
  async fn() {
    const { code, stdout, stderr } = await shell(
      "amtool check-config local/alertmanager/alertmanager.yml",
    );
    assertEquals(code, 0, stdout + stderr);
  },
});

Deno.test({
  name: "promtool finds no fault with the configuration of Prometheus",
  ignore: WITHOUT_PROMTOOL,
  async fn() {
    const { code, stdout, stderr } = await shell(
      "promtool check config local/prometheus/prometheus.yml",
    );
    assertEquals(code, 0, stdout + stderr);
  },
});
