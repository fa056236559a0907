/** What the tests know of the manifests in `deploy/kubernetes/`. */
import { parseAll } from "npm:deno-std@1.4.0/yaml/parse.js";
import type { IDeployment } from "npm:kubernetes-models@5.1.0/apps/v1";
import type { IConfigMap, IContainer, IPodSpec } from "npm:kubernetes-models@5.1.0/v1";
import { ROOT } from "../support/program.ts";

export type Manifest = { apiVersion: string; kind: string; metadata: { name: string } };

/** What kustomize makes of a folder; throws with what it says, be it only a warning. */
export async function render(folder: string): Promise<Manifest[]> {
  return await manifestsFrom("kubectl", ["kustomize", folder]);
}

/** What Helm makes of the chart with these flags; throws as `render` does. */
export async function renderChart(...flags: string[]): Promise<Manifest[]> {
  return await manifestsFrom("helm", [
    ...["template", "dataplatform-probe", "deploy/helm"],
    ...flags,
  ]);
}

async function manifestsFrom(command: string, args: string[]): Promise<Manifest[]> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args, cwd: ROOT }).output();
  const said = new TextDecoder().decode(stderr);
  if (code !== 0 || said !== "") throw new Error(`${command} ${args.join(" ")}: ${said}`);
  return parseAll(new TextDecoder().decode(stdout)) as Manifest[];
}

/** The manifests of a kind. */
export function ofKind<T>(manifests: Manifest[], kind: string): T[] {
  return manifests.filter((manifest) => manifest.kind === kind) as T[];
}

/** The one manifest of a kind. */
export function onlyOfKind<T>(manifests: Manifest[], kind: string): T {
  const [only, ...others] = ofKind<T>(manifests, kind);
  if (!only || others.length > 0) throw new Error(`expected one ${kind}`);
  return only;
}

/** A Deployment's pod. */
export function podOf({ spec }: IDeployment): IPodSpec {
  if (!spec?.template.spec) throw new Error("a Deployment without a pod");
  return spec.template.spec;
}

/** The one container of a Deployment's pod. */
export function containerOf(deployment: IDeployment): IContainer {
  const [only, ...others] = podOf(deployment).containers;
  if (!only || others.length > 0) throw new Error("expected one container");
  return only;
}

/** The environment of a Deployment's one container, as the cluster puts it together. */
export function environmentOf(
  deployment: IDeployment,
  manifests: Manifest[],
): Record<string, string> {
  const { envFrom = [], env = [] } = containerOf(deployment);
  const maps = envFrom.map(({ configMapRef }) => {
    const map = ofKind<IConfigMap>(manifests, "ConfigMap")
      .find(({ metadata }) => metadata?.name === configMapRef?.name);
    if (!map) throw new Error(`no ConfigMap ${configMapRef?.name}`);
    return map.data ?? {};
  });
  return Object.assign(
    {},
    ...maps,
    Object.fromEntries(env.map(({ name, value }) => [name, value ?? ""])),
  );
}

/** Kinds of volumes that the "restricted" Pod Security Standard lets a pod have. */
const VOLUMES = [
  ..."configMap csi downwardAPI emptyDir ephemeral persistentVolumeClaim projected secret".split(
    " ",
  ),
];

/** The rules of the "restricted" Pod Security Standard that a pod breaks. */
export function offencesOf(pod: IPodSpec): string[] {
  const offences: string[] = [];
  const rule = (holds: unknown, text: string) => holds || offences.push(text);
  const { securityContext: whole = {} } = pod;

  rule(!pod.hostNetwork && !pod.hostPID && !pod.hostIPC, "shares a namespace of the host");
  rule(!whole.sysctls?.length, "sets kernel parameters");
  for (const { name, ...volume } of pod.volumes ?? []) {
    rule(Object.keys(volume).every((kind) => VOLUMES.includes(kind)), `volume ${name}`);
  }
  for (const container of [...pod.containers, ...pod.initContainers ?? []]) {
    const own = container.securityContext ?? {};
    const { seccompProfile, runAsUser, runAsNonRoot, seLinuxOptions, appArmorProfile } = {
      ...whole,
      ...own,
    };
    const { drop = [], add = [] } = own.capabilities ?? {};
    rule(!own.privileged, "is privileged");
    rule(own.allowPrivilegeEscalation === false, "may gain privileges");
    rule(runAsNonRoot, "may be root");
    rule(runAsUser !== 0, "is root");
    rule(drop.includes("ALL"), "keeps capabilities");
    rule(add.every((capability) => capability === "NET_BIND_SERVICE"), "adds capabilities");
    rule(
      ["RuntimeDefault", "Localhost"].includes(seccompProfile?.type ?? ""),
      "may make any system call",
    );
    rule(!seLinuxOptions?.user && !seLinuxOptions?.role, "names an SELinux user or role");
    rule(appArmorProfile?.type !== "Unconfined", "is free of AppArmor");
    rule(!own.procMount || own.procMount === "Default", "sees all of /proc");
    rule(container.ports?.every(({ hostPort }) => !hostPort) ?? true, "takes a port of the host");
    for (const kind of ["startupProbe", "livenessProbe", "readinessProbe"] as const) {
      rule(!container[kind]?.httpGet?.host, `${kind} asks another host`);
    }
  }
  return offences;
}
