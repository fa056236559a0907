import { parse } from "npm:deno-std@1.4.0/yaml/parse.js";
import { at } from "../support/at.ts";
import { serverWith } from "../support/server.ts";
import { assert, assertEquals, assertGreater } from "@std/assert";
import {
  PodMonitor,
  PrometheusRule,
} from "npm:@kubernetes-models/prometheus-operator@6.0.0/monitoring.coreos.com/v1";
import type { IPodMonitor } from "npm:@kubernetes-models/prometheus-operator@6.0.0/monitoring.coreos.com/v1";
import { Deployment, type IDeployment } from "npm:kubernetes-models@5.1.0/apps/v1";
import { type IIngress, Ingress } from "npm:kubernetes-models@5.1.0/networking.k8s.io/v1";
import { ConfigMap, type IConfigMap, type IService, Service } from "npm:kubernetes-models@5.1.0/v1";
import { parseConfig } from "../../src/config/config.ts";
import { VARIABLES } from "../../src/config/settings.ts";
import { OBJECTIVES } from "../../local/tools/docs_tables.ts";
import { VERSION } from "../../src/core/version.ts";
import { rulesAsYaml } from "../../src/prometheus/rules/rules.ts";
import { isAvailable, ROOT, shell } from "../support/program.ts";
import { WITHOUT_PROMTOOL } from "../support/prometheus_tools.ts";
import {
  containerOf,
  environmentOf,
  type Manifest,
  offencesOf,
  ofKind,
  onlyOfKind,
  podOf,
  render,
  renderChart,
} from "./manifests.ts";

const NAME = "dataplatform-probe";

const available = await isAvailable(
  `kubectl version --client --output=json | grep -q '"kustomizeVersion": "v5' && helm version`,
  "the manifests in deploy/kubernetes/ and deploy/helm/",
);
const ignore = !available && Deno.env.get("CI") !== "true";

/** The kinds that the manifests use: their schema, and the package and type of their fields. */
const KINDS = {
  ConfigMap: [ConfigMap, "npm:kubernetes-models@5.1.0/v1"],
  Deployment: [Deployment, "npm:kubernetes-models@5.1.0/apps/v1"],
  Ingress: [Ingress, "npm:kubernetes-models@5.1.0/networking.k8s.io/v1"],
  PodMonitor: [
    PodMonitor,
    "npm:@kubernetes-models/prometheus-operator@6.0.0/monitoring.coreos.com/v1",
  ],
  PrometheusRule: [
    PrometheusRule,
    "npm:@kubernetes-models/prometheus-operator@6.0.0/monitoring.coreos.com/v1",
  ],
  Service: [Service, "npm:kubernetes-models@5.1.0/v1"],
} as const;

/** A folder's manifests after its kustomization was edited as its comments say. */
async function renderEdited(folder: string, edit: (text: string) => string): Promise<Manifest[]> {
  const copy = await Deno.makeTempDir();
  try {
    await new Deno.Command("cp", { args: ["-r", `${ROOT}deploy/kubernetes`, copy] }).output();
    const path = `${copy}/${folder}/kustomization.yaml`;
    const text = await Deno.readTextFile(path);
    const edited = edit(text);
    assert(edited !== text, `${folder}: there is nothing to edit`);
    await Deno.writeTextFile(path, edited);
    return await render(`${copy}/${folder}`);
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
}

/** The rules of the default settings, as the program prints them. */
const rules = await Deno.makeTempFile({ suffix: ".yaml" });
await Deno.writeTextFile(rules, rulesAsYaml(OBJECTIVES));
const RULES = `--set-file=prometheusRule.rules=${rules}`;
Deno.test.afterAll(() => Deno.remove(rules));

const withLocations = (text: string) => text.replace(/^( {2}- (?:\.\.\/)?)probe$/m, "$1locations");
const withIngress = (text: string) => text.replace(/^#(components:)\n#/m, "$1\n");

/** Every shape that the manifests can have without other files. */
const SHAPES = {
  "one probe": () => render("deploy/kubernetes"),
  "a probe in each zone": () => renderEdited("kubernetes", withLocations),
  "one probe with an Ingress": () => renderEdited("kubernetes", withIngress),
  "without the operator": () => render("deploy/kubernetes/without-operator"),
  "without the operator, in each zone": () =>
    renderEdited("kubernetes/without-operator", withLocations),
  "without the operator, with an Ingress": () =>
    renderEdited("kubernetes/without-operator", withIngress),
  "a release of the chart": () => renderChart(RULES),
  "a release of the chart, with an Ingress": () => renderChart(RULES, "--set=ingress.enabled=true"),
  "without the operator, a release of the chart": () =>
    renderChart("--set=podMonitor.enabled=false"),
};

const rendered: Record<string, Manifest[]> = ignore ? {} : Object.fromEntries(
  await Promise.all(
    Object.entries(SHAPES).map(async ([shape, make]) => [shape, await make()] as const),
  ),
);

Deno.test({
  name: "the manifests of every shape are what the cluster and its operator take",
  ignore,
  async fn() {
    const literals = new Set<string>();
    for (const manifest of Object.values(rendered).flat()) {
      const { kind, metadata } = manifest;
      assert(kind in KINDS, `${kind} ${metadata.name}: no schema`);
      const [Model, from] = KINDS[kind as keyof typeof KINDS];
      assertEquals(manifest.apiVersion, Model.apiVersion);
      // deno-lint-ignore no-explicit-any -- what it is, is what is asked here
      new Model(manifest as any).validate();
      // The schemas let unknown fields pass, a literal of the type does not.
      literals.add(`: import("${from}").I${kind} = ${JSON.stringify(manifest)};`);
    }
    const path = await Deno.makeTempFile({ suffix: ".ts" });
    try {
      const lines = [...literals].map((literal, n) => `const _${n}${literal}`);
      await Deno.writeTextFile(path, lines.join("\n"));
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["check", "--quiet", "--lock=deno.lock", `--config=${ROOT}deno.json`, path],
        cwd: ROOT,
        env: { NO_COLOR: "1" },
      }).output();
      assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
    } finally {
      await Deno.remove(path);
    }
  },
});

for (const shape of Object.keys(SHAPES)) {
  const manifests = rendered[shape] ?? [];
  const deployments = ofKind<IDeployment>(manifests, "Deployment");

  Deno.test({
    name: `${shape}: every pod keeps the restricted Pod Security Standard and more`,
    ignore,
    fn() {
      assert(deployments.length > 0);
      for (const deployment of deployments) {
        const pod = podOf(deployment);
        assertEquals(offencesOf(pod), []);
        assertEquals(pod.automountServiceAccountToken, false);
        assertEquals(pod.containers.map((c) => c.securityContext?.readOnlyRootFilesystem), [true]);
      }
    },
  });

  Deno.test({
    name: `${shape}: the program takes the configuration that the pods give it`,
    ignore,
    fn() {
      for (const deployment of deployments) {
        const environment = environmentOf(deployment, manifests);
        for (const name of Object.keys(environment)) assert(VARIABLES.includes(name), name);
        const configured = parseConfig({ flags: {}, env: (name) => environment[name] }, () => "");
        if (!configured.ok) throw new Error(configured.problems.join("; "));
        const { config } = configured;
        // A name that stays keeps the series of pods that follow each other joined.
        assertEquals(config.appId, deployment.metadata?.name);

        const { ports, volumeMounts, image } = containerOf(deployment);
        assertEquals(ports?.map(({ containerPort }) => containerPort), [config.port]);
        assertEquals(image, `ghcr.io/oslokommune/dataplatform-probe:${VERSION}`);
        // The secret is there by reference: a folder, for a single file would stay as it was.
        const [mount] = volumeMounts ?? [];
        assertEquals(config.credentials?.secret, { path: `${mount?.mountPath}/client-secret` });
        assertEquals(mount?.subPath, undefined);
        const [volume] = podOf(deployment).volumes ?? [];
        assertEquals([volume?.name, volume?.secret?.secretName], [mount?.name, NAME]);
      }
      assertEquals(ofKind(manifests, "Secret"), []);
    },
  });

  Deno.test({
    name: `${shape}: what the cluster asks for exists, and it waits for tasks in flight`,
    ignore,
    fn() {
      const paths = serverWith({}).routes.map(({ path }) => path);
      const monitors = ofKind<IPodMonitor>(manifests, "PodMonitor");
      const endpoints = monitors.flatMap(({ spec }) => spec.podMetricsEndpoints ?? []);
      for (const { path, interval } of endpoints) {
        assertEquals([path, interval], ["/metrics", "15s"]);
      }
      for (const deployment of deployments) {
        const { startupProbe, livenessProbe, readinessProbe, ports } = containerOf(deployment);
        const asked = [startupProbe, livenessProbe, readinessProbe].map((probe) => probe?.httpGet);
        assertEquals(asked.map((get) => get?.path), ["/healthz", "/healthz", "/readyz"]);
        for (const get of [...asked, ...endpoints]) {
          assert(paths.includes(get?.path ?? ""), get?.path);
          assertEquals(get?.port, ports?.[0]?.name);
        }
        assertGreater(podOf(deployment).terminationGracePeriodSeconds ?? 0, 8);
        assertEquals(deployment.spec?.replicas, 1);
        assertEquals(deployment.spec?.strategy?.type, "Recreate");
      }
    },
  });

  Deno.test({
    name: `${shape}: every pod has a Service of its own, and an Ingress leads to it`,
    ignore,
    fn() {
      const services = ofKind<IService>(manifests, "Service");
      const podsOf = ({ spec }: IService) =>
        deployments.filter((deployment) => {
          const labels = deployment.spec?.template.metadata?.labels ?? {};
          return Object.entries(spec?.selector ?? {}).every(([name, value]) =>
            labels[name] === value
          );
        });
      assertEquals(services.map((service) => podsOf(service).length), deployments.map(() => 1));
      for (const service of services) {
        const [deployment] = podsOf(service);
        const [port] = service.spec?.ports ?? [];
        assertEquals(service.metadata?.name, deployment?.metadata?.name);
        assertEquals(port?.targetPort, deployment && containerOf(deployment).ports?.[0]?.name);
      }

      const ingresses = ofKind<IIngress>(manifests, "Ingress");
      assertEquals(ingresses.length, shape.endsWith("with an Ingress") ? 1 : 0);
      for (const { spec } of ingresses) {
        const [rule] = spec?.rules ?? [];
        const [path] = rule?.http?.paths ?? [];
        const service = services.find(({ metadata }) =>
          metadata?.name === path?.backend.service?.name
        );
        assertEquals(service?.spec?.ports?.[0]?.name, path?.backend.service?.port?.name);
        assertEquals(spec?.tls?.[0]?.hosts, [rule?.host]);
        assertGuarded(deployments, manifests, `https://${rule?.host}`);
      }
    },
  });

  Deno.test({
    name: `${shape}: Prometheus finds every pod, as the job that the rules are about`,
    ignore,
    fn() {
      const monitors = ofKind<IPodMonitor>(manifests, "PodMonitor");
      const hasOperator = !shape.startsWith("without");
      assertEquals(monitors.length, hasOperator ? 1 : 0);
      assertEquals(ofKind<Manifest>(manifests, "PrometheusRule").length, monitors.length);
      for (const { spec } of deployments) {
        const { labels = {}, annotations = {} } = spec?.template.metadata ?? {};
        for (const { spec: monitor } of monitors) {
          for (const [name, value] of Object.entries(monitor.selector.matchLabels ?? {})) {
            assertEquals(labels[name], value);
          }
          assertEquals(labels[monitor.jobLabel ?? ""], NAME);
        }
        for (const [name, value] of Object.entries(spec?.selector.matchLabels ?? {})) {
          assertEquals(labels[name], value);
        }
        const { "checksum/settings": _, ...others } = annotations;
        // A job that follows annotations would scrape the probe a second time.
        assertEquals(others, {});
      }
    },
  });
}

/** Who reads a probe behind an Ingress needs a password, and Prometheus has the token. */
function assertGuarded(deployments: IDeployment[], manifests: Manifest[], address: string): void {
  for (const deployment of deployments) {
    const environment = environmentOf(deployment, manifests);
    assertEquals(environment.PUBLIC_URL, address);
    const folder = containerOf(deployment).volumeMounts?.[0]?.mountPath;
    assertEquals(environment.HTTP_BASIC_AUTH_FILE, `${folder}/basic-auth`);
    assertEquals(environment.HTTP_BEARER_TOKEN_FILE, `${folder}/bearer-token`);
  }
  for (const { spec } of ofKind<IPodMonitor>(manifests, "PodMonitor")) {
    const [endpoint] = spec.podMetricsEndpoints ?? [];
    assertEquals(endpoint?.authorization, {
      type: "Bearer",
      credentials: { name: NAME, key: "bearer-token" },
    });
  }
}

const SCRAPE_CONFIG = `${ROOT}deploy/kubernetes/without-operator/scrape-config.yaml`;

/** What Prometheus makes of pods that it discovers; of one that it drops nothing. */
async function labelsOf(pods: Record<string, string>[]): Promise<Record<string, string>[]> {
  const folder = await Deno.makeTempDir();
  try {
    const text = await Deno.readTextFile(SCRAPE_CONFIG);
    // Debian's Prometheus cannot ask a cluster; what a cluster would say is given in its place.
    const discovered = {
      static_configs: pods.map((labels, i) => ({ targets: [`pod${i}:8000`], labels })),
    };
    const given = text.replace(
      /kubernetes_sd_configs:\n +- role: pod$/m,
      JSON.stringify(discovered).slice(1, -1).replace('"static_configs":', "static_configs: "),
    );
    assert(given !== text, "no discovery of pods");
    await Deno.writeTextFile(`${folder}/prometheus.yml`, given);
    await Deno.copyFile(rules, `${folder}/dataplatform-probe.yaml`);
    const config = await shell(`promtool check config ${folder}/prometheus.yml`);
    assertEquals(config.code, 0, config.stdout + config.stderr);
    const { code, stdout, stderr } = await shell(
      `promtool check service-discovery --timeout=1s ${folder}/prometheus.yml ${NAME}`,
    );
    assertEquals(code, 0, stderr);
    return JSON.parse(stdout).map(({ labels }: { labels: Record<string, string> }) => labels);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test({
  name:
    "the scrape configuration without the operator finds the pods of the manifests, and no other",
  ignore: ignore || WITHOUT_PROMTOOL,
  async fn() {
    const [deployment] = ofKind<IDeployment>(
      rendered["without the operator, in each zone"] ?? [],
      "Deployment",
    );
    const labels = deployment?.spec?.template.metadata?.labels ?? {};
    const pod = {
      ...Object.fromEntries(
        Object.entries(labels).map(([name, value]) => [
          `__meta_kubernetes_pod_label_${name.replaceAll(/\W/g, "_")}`,
          value,
        ]),
      ),
      __meta_kubernetes_pod_container_port_name:
        (deployment && containerOf(deployment).ports?.[0]?.name) ?? "",
      __meta_kubernetes_pod_phase: "Running",
      __meta_kubernetes_namespace: "probes",
      __meta_kubernetes_pod_name: "pod-0",
    };
    const kept = (await labelsOf([
      pod,
      { ...pod, __meta_kubernetes_pod_label_app_kubernetes_io_name: "other" },
      { ...pod, __meta_kubernetes_pod_container_port_name: "other" },
      { ...pod, __meta_kubernetes_pod_phase: "Succeeded" },
    ])).filter((labels) => Object.keys(labels).length > 0);
    assertEquals(
      kept.map(({ instance, job, location, namespace, pod }) => [
        ...[instance, job, location, namespace, pod],
      ]),
      [["pod0:8000", NAME, labels.location, "probes", "pod-0"]],
    );
  },
});

/**
 * A manifest without what the chart and kustomize add: the release's name, a checksum, and a hash in
 * the name of the configuration.
 */
function plain(manifest: Manifest): unknown {
  const added = ["app.kubernetes.io/instance", "checksum/settings"];
  const { metadata: { name }, ...rest } = manifest;
  return JSON.parse(JSON.stringify({ name, ...rest }), (key, value) => {
    if (added.includes(key)) return undefined;
    if (key === "name") return value.replace(/^(dataplatform-probe)-[a-z0-9]{10}$/, "$1");
    return key === "annotations" && Object.keys(value).length === 0 ? undefined : value;
  });
}

for (
  const [chart, kustomization] of [
    ["a release of the chart", "one probe"],
    ["a release of the chart, with an Ingress", "one probe with an Ingress"],
    ["without the operator, a release of the chart", "without the operator"],
  ] as const
) {
  Deno.test({
    name: `${chart} is what kustomize makes of ${kustomization}`,
    ignore,
    fn() {
      const byKind = (shape: string) =>
        Object.fromEntries((rendered[shape] ?? []).map((manifest) => [
          manifest.kind,
          plain(manifest),
        ]));
      assertEquals(byKind(chart), byKind(kustomization));
    },
  });
}

Deno.test({
  name: "the chart writes the numbers of a file of values as they stand there",
  ignore,
  async fn() {
    const values = {
      DATASET_ID: 12345678,
      SLO_AVAILABILITY: 0.999,
      LOCAL_RUN: true,
      APP_ID: "007",
    };
    const manifests = await renderChart(`--set-json=settings=${JSON.stringify(values)}`);
    const { data } = onlyOfKind<IConfigMap>(manifests, "ConfigMap");
    for (const [name, value] of Object.entries(values)) assertEquals(data?.[name], `${value}`);
  },
});

Deno.test("the chart has the version of the program", async () => {
  const { version, appVersion } = parse(
    await Deno.readTextFile(`${ROOT}deploy/helm/Chart.yaml`),
  ) as Record<string, string>;
  assertEquals([version, appVersion], [VERSION, VERSION]);
});

Deno.test({
  name: "a probe in each zone: pods and their series carry the zone, and no two probes share one",
  ignore,
  fn() {
    const zones = rendered["a probe in each zone"] ?? [];
    const deployments = ofKind<IDeployment>(zones, "Deployment");
    const { spec: monitor } = onlyOfKind<IPodMonitor>(zones, "PodMonitor");
    assertEquals(monitor.podTargetLabels, ["location"]);
    const locations = deployments.map(({ spec }) => {
      const location = spec?.template.metadata?.labels?.location;
      assert(location);
      return location;
    });
    // An alert speaks of at least two locations.
    assertGreater(new Set(locations).size, 1);
    assertEquals(new Set(locations).size, deployments.length);
    for (const [n, deployment] of deployments.entries()) {
      const location = at(locations, n);
      assertEquals(podOf(deployment).nodeSelector, { "topology.kubernetes.io/zone": location });
      assertEquals(deployment.spec?.selector.matchLabels?.location, location);
      assertEquals(deployment.metadata?.name, `${NAME}-${location}`);
    }
  },
});
