import { at } from "../support/at.ts";
import { serverWith } from "../support/server.ts";
import { assert, assertEquals, assertGreater } from "@std/assert";
import {
  PodMonitor,
  PrometheusRule,
} from "npm:@kubernetes-models/prometheus-operator@6.0.0/monitoring.coreos.com/v1";
import type { IPodMonitor } from "npm:@kubernetes-models/prometheus-operator@6.0.0/monitoring.coreos.com/v1";
import { Deployment, type IDeployment } from "npm:kubernetes-models@5.1.0/apps/v1";
import { ConfigMap } from "npm:kubernetes-models@5.1.0/v1";
import { parseConfig } from "../../src/config/config.ts";
import { VARIABLES } from "../../src/config/settings.ts";
import { VERSION } from "../../src/core/version.ts";
import { isAvailable, ROOT } from "../support/program.ts";
import {
  containerOf,
  environmentOf,
  type Manifest,
  offencesOf,
  ofKind,
  onlyOfKind,
  podOf,
  render,
} from "./manifests.ts";

const NAME = "dataplatform-probe";

const available = await isAvailable(
  `kubectl version --client --output=json | grep -q '"kustomizeVersion": "v5'`,
  "the manifests in deploy/kubernetes/",
);
const ignore = !available && Deno.env.get("CI") !== "true";

/** The kinds that the manifests use: their schema, and the package and type of their fields. */
const KINDS = {
  ConfigMap: [ConfigMap, "npm:kubernetes-models@5.1.0/v1"],
  Deployment: [Deployment, "npm:kubernetes-models@5.1.0/apps/v1"],
  PodMonitor: [
    PodMonitor,
    "npm:@kubernetes-models/prometheus-operator@6.0.0/monitoring.coreos.com/v1",
  ],
  PrometheusRule: [
    PrometheusRule,
    "npm:@kubernetes-models/prometheus-operator@6.0.0/monitoring.coreos.com/v1",
  ],
} as const;

/** The manifests with a probe in each zone in place of the one. */
async function renderLocations(): Promise<Manifest[]> {
  const folder = await Deno.makeTempDir();
  try {
    const source = `${ROOT}deploy/kubernetes`;
    await new Deno.Command("cp", { args: ["-r", source, folder] }).output();
    const path = `${folder}/kubernetes/kustomization.yaml`;
    const text = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, text.replace(/^ {2}- probe$/m, "  - locations"));
    return await render(`${folder}/kubernetes`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const rendered = ignore ? [] : await Promise.all([render("deploy/kubernetes"), renderLocations()]);

for (const [index, shape] of ["one probe", "a probe in each zone"].entries()) {
  const manifests = rendered[index] ?? [];
  const deployments = ofKind<IDeployment>(manifests, "Deployment");

  Deno.test({
    name: `${shape}: the manifests are what the cluster and its operator take`,
    ignore,
    async fn() {
      const lines: string[] = [];
      for (const [n, manifest] of manifests.entries()) {
        const { kind, metadata } = manifest;
        assert(kind in KINDS, `${kind} ${metadata.name}: no schema`);
        const [Model, from] = KINDS[kind as keyof typeof KINDS];
        assertEquals(manifest.apiVersion, Model.apiVersion);
        // deno-lint-ignore no-explicit-any -- what it is, is what is asked here
        new Model(manifest as any).validate();
        // The schemas let unknown fields pass, a literal of the type does not.
        lines.push(`const _${n}: import("${from}").I${kind} = ${JSON.stringify(manifest)};`);
      }
      const path = await Deno.makeTempFile({ suffix: ".ts" });
      try {
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
      const { spec: monitor } = onlyOfKind<IPodMonitor>(manifests, "PodMonitor");
      const [endpoint] = monitor.podMetricsEndpoints ?? [];
      assertEquals([endpoint?.path, endpoint?.interval], ["/metrics", "15s"]);
      for (const deployment of deployments) {
        const { startupProbe, livenessProbe, readinessProbe, ports } = containerOf(deployment);
        const asked = [startupProbe, livenessProbe, readinessProbe].map((probe) => probe?.httpGet);
        assertEquals(asked.map((get) => get?.path), ["/healthz", "/healthz", "/readyz"]);
        for (const get of [...asked, endpoint]) {
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
    name: `${shape}: Prometheus finds every pod, as the job that the rules are about`,
    ignore,
    fn() {
      const { spec: monitor } = onlyOfKind<IPodMonitor>(manifests, "PodMonitor");
      for (const { spec } of deployments) {
        const labels = spec?.template.metadata?.labels ?? {};
        for (const [name, value] of Object.entries(monitor.selector.matchLabels ?? {})) {
          assertEquals(labels[name], value);
        }
        assertEquals(labels[monitor.jobLabel ?? ""], NAME);
        for (const [name, value] of Object.entries(spec?.selector.matchLabels ?? {})) {
          assertEquals(labels[name], value);
        }
      }
      assertEquals(ofKind<Manifest>(manifests, "PrometheusRule").length, 1);
    },
  });
}

Deno.test({
  name: "a probe in each zone: pods and their series carry the zone, and no two probes share one",
  ignore,
  fn() {
    const [, zones = []] = rendered;
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
