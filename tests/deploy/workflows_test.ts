import {
  assert,
  assertEquals,
  assertMatch,
  assertObjectMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import type { IDeployment } from "npm:kubernetes-models@5.1.0/apps/v1";
import { parse, parseAllDocuments } from "npm:yaml@2.9.1";
import { programLock } from "../../local/tools/dependencies.ts";
import { environmentOf, type Manifest, onlyOfKind, podOf } from "./manifests.ts";
import { isAvailable, ROOT } from "../support/program.ts";

const WORKFLOWS = ".github/workflows/";
const SCRIPTS = ".github/scripts/";

/** The executables of a release, as the documentation offers them, and the machine that tries each. */
const EXECUTABLES = {
  "linux-x64": { target: "x86_64-unknown-linux-gnu", runner: "ubuntu-24.04" },
  "linux-arm64": { target: "aarch64-unknown-linux-gnu", runner: "ubuntu-24.04-arm" },
  "macos-arm64": { target: "aarch64-apple-darwin", runner: "macos-15" },
};

type Step = {
  name?: string;
  uses?: string;
  run?: string;
  with?: Record<string, unknown>;
  env?: Record<string, string>;
};
type Job = {
  needs?: string | string[];
  permissions?: Record<string, string>;
  "timeout-minutes"?: number;
  environment?: string;
  uses?: string;
  env?: Record<string, string>;
  steps?: Step[];
  strategy?: { matrix: Record<string, unknown> };
  secrets?: unknown;
};
type Workflow = {
  on: Record<string, Record<string, unknown> | null>;
  permissions: Record<string, string>;
  jobs: Record<string, Job>;
};

const read = (path: string) => Deno.readTextFile(ROOT + path);

async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(ROOT + folder), ({ name }) => name)).sort();
}

const texts = Object.fromEntries(
  await Promise.all(
    (await namesIn(WORKFLOWS)).map(async (file) => [file, await read(WORKFLOWS + file)] as const),
  ),
);
const workflows: Record<string, Workflow> = Object.fromEntries(
  Object.entries(texts).map(([file, text]) => [file, parse(text)]),
);
const scripts = Object.fromEntries(
  await Promise.all(
    (await namesIn(SCRIPTS)).map(async (file) => [file, await read(SCRIPTS + file)] as const),
  ),
);
const { tasks, version }: { tasks: Record<string, unknown>; version: string } = JSON.parse(
  await read("deno.json"),
);
const ci = await read(".ci/run");

const jobs = Object.entries(workflows).flatMap(([file, workflow]) =>
  Object.entries(workflow.jobs).map(([name, job]) => ({ at: `${file} ${name}`, job }))
);
const steps = jobs.flatMap(({ at, job }) => (job.steps ?? []).map((step) => ({ at, step })));
const needsOf = ({ needs = [] }: Job) => [needs].flat();

function workflow(file: string): Workflow {
  const found = workflows[file];
  assert(found, `no workflow ${file}`);
  return found;
}

function jobOf(file: string, name: string): Job {
  const found = workflow(file).jobs[name];
  assert(found, `${file}: no job ${name}`);
  return found;
}

/** The programs that a temporary folder stands in for, each of which notes how it was called. */
async function standIns(names: string[], body = ""): Promise<{ folder: string; calls: string }> {
  const folder = await Deno.makeTempDir();
  const calls = `${folder}/calls`;
  for (const name of names) {
    const source = `#!/bin/sh\necho "${name} $*" >>"${calls}"\n${body}\n`;
    await Deno.writeTextFile(`${folder}/${name}`, source, { mode: 0o755 });
  }
  return { folder, calls };
}

async function run(command: string, args: string[], options: Deno.CommandOptions = {}) {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    ...{ args, cwd: ROOT },
    ...options,
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("every action of others is pinned by its commit, and its version stands beside", () => {
  for (const [file, text] of Object.entries(texts)) {
    for (const [line] of text.matchAll(/^.*\buses: (?!\.\/\.github\/).*$/gm)) {
      assertMatch(line, /uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/, file);
    }
  }
  const pins = new Map<string, string>();
  for (const { at, step } of steps) {
    const [action, commit] = step.uses?.split("@") ?? [];
    if (!action || !commit) continue;
    assertEquals(commit, pins.get(action) ?? commit, `${at}: one version of ${action}`);
    pins.set(action, commit);
  }
});

Deno.test("images that workflows run or build with are pinned by digest", () => {
  const images = [...Object.values(texts), ...Object.values(scripts)]
    .flatMap((text) => [...text.matchAll(/(?<=\bimage[:=] ?)(?:[\w.]+\/)*[\w.-]+:\S+/g)])
    .map(([image]) => image);
  assertEquals(images.length, 2);
  for (const image of images) assertMatch(image, /@sha256:[0-9a-f]{64}$/);
});

Deno.test("a workflow may do nothing, and each job what it says", () => {
  for (const [file, { permissions }] of Object.entries(workflows)) {
    assertEquals(permissions, {}, file);
  }
  for (const { at, job } of jobs) {
    assert(job.permissions && "contents" in job.permissions, `${at}: permissions`);
    // GitHub takes no time limit for a job that is another workflow.
    if (!job.uses) assert(job["timeout-minutes"], `${at}: timeout-minutes`);
  }
  const writers = jobs.filter(({ job }) =>
    Object.entries(job.permissions ?? {}).some(([, access]) => access === "write")
  );
  assertEquals(
    Object.fromEntries(writers.map(({ at, job }) => [at, job.permissions])),
    {
      "deploy.yaml image": { contents: "read", packages: "write" },
      "deploy.yaml dev": { contents: "read", "id-token": "write" },
      "deploy.yaml prod": { contents: "read", "id-token": "write" },
      "release.yaml image": { contents: "read", packages: "write" },
      "release.yaml publish": {
        ...{ contents: "write", packages: "write" },
        ...{ "id-token": "write", attestations: "write" },
      },
    },
  );
});

Deno.test("nothing from outside reaches a shell, and no secret is kept", () => {
  for (const { at, step } of steps) {
    assert(!step.run?.includes("${{"), `${at}: an expression in a script`);
    if (step.uses?.startsWith("actions/checkout@")) {
      assertEquals(step.with?.["persist-credentials"], false, at);
    }
  }
  for (const [file, text] of Object.entries(texts)) {
    assert(!/pull_request_target|github\.event\b|github\.head_ref|secrets\b/.test(text), file);
  }
});

Deno.test("a push is checked by one workflow, whatever it is pushed to", () => {
  assertEquals(workflow("check.yaml").on, {
    push: { "branches-ignore": ["main"], "tags-ignore": ["**"] },
    pull_request: null,
    workflow_call: null,
  });
  assertEquals(workflow("deploy.yaml").on, { push: { branches: ["main"] } });
  assertEquals(workflow("release.yaml").on, { push: { tags: ["v*"] } });
  for (const file of ["deploy.yaml", "release.yaml"]) {
    assertEquals(jobOf(file, "checks").uses, "./.github/workflows/check.yaml");
  }
  assertEquals(jobOf("check.yaml", "check").steps?.at(-1)?.run, "bash .ci/run");
});

Deno.test("nothing is built, deployed or published before the checks have passed", () => {
  for (const file of ["deploy.yaml", "release.yaml"]) {
    const comesAfter = (name: string, other: string): boolean =>
      needsOf(jobOf(file, name)).some((needed) => needed === other || comesAfter(needed, other));
    for (const name of Object.keys(workflow(file).jobs)) {
      if (name === "checks" || name === "notes") continue;
      assert(comesAfter(name, "checks"), `${file} ${name}`);
    }
  }
  assert(needsOf(jobOf("release.yaml", "checks")).includes("notes"));
});

Deno.test("every task, script and version that is named is the project's", async () => {
  const all = Object.entries({ ...texts, ...scripts });
  const denoVersion = ci.match(/^deno_version=(\S+)$/m)?.[1];
  const versions = all.flatMap(([, text]) => [...text.matchAll(/deno@(\d[\d.]*)/g)]);
  assert(versions.length > 0);
  for (const [, named] of versions) assertEquals(named, denoVersion);
  for (const path of ["Dockerfile", "README.md", "CONTRIBUTING.md"]) {
    const named = [...(await read(path)).matchAll(/(?:deno@|DENO_VERSION=)(\d[\d.]*\d)/g)];
    assert(named.length > 0, path);
    for (const [, version] of named) assertEquals(version, denoVersion, path);
  }
  for (const [file, text] of all) {
    for (const [task] of text.matchAll(/(?<=(?:\$DENO|deno) task )[a-z][a-z:-]*/g)) {
      assert(task in tasks, `${file}: deno task ${task}`);
    }
    for (const [script] of text.matchAll(/(?<=\.github\/scripts\/)[\w.-]+/g)) {
      assert(script in scripts, `${file}: ${script}`);
    }
  }
});

Deno.test("a release has the executables that the documentation offers, each tried where it is to run", async () => {
  const { strategy, steps = [] } = jobOf("release.yaml", "executable");
  assertEquals(
    strategy?.matrix.include,
    Object.entries(EXECUTABLES).map(([name, of]) => ({ name, ...of })),
  );
  const commands = steps.map(({ run, uses }) => run ?? uses?.split("@")[0]);
  assertEquals(commands.slice(-5), [
    '$DENO task compile --target "$TARGET" --output "$FILE"',
    '$DENO run --frozen -A .github/scripts/smoke.ts "$FILE"',
    "$DENO run --frozen -A local/http_server/http_server.ts >emulator.log 2>&1 &",
    "./.github/actions/probe",
    "actions/upload-artifact",
  ]);
  const offers = await read("docs/deploy.md");
  const offered = new Set(
    [...offers.matchAll(/\bdataplatform-probe-((?:linux|macos)-\w+)/g)].map(([, name]) => name),
  );
  assertEquals([...offered].sort(), Object.keys(EXECUTABLES).sort());
});

Deno.test("a release is published when all its parts have run", () => {
  assertEquals(needsOf(jobOf("release.yaml", "publish")).sort(), [
    ...["executable", "image", "image-runs", "materials"],
  ]);
  assertEquals(jobOf("release.yaml", "image-runs").strategy?.matrix.runner, [
    ...["ubuntu-24.04", "ubuntu-24.04-arm"],
  ]);
  for (const { step } of steps) {
    const publishes = /gh release|imagetools create .*latest/s.test(step.run ?? "");
    const mayPublish = jobOf("release.yaml", "publish").steps?.includes(step);
    assert(!publishes || mayPublish, step.run);
  }
});

Deno.test("prod is deployed as dev is, and after dev's smoke test", () => {
  const dev = jobOf("deploy.yaml", "dev");
  const prod = jobOf("deploy.yaml", "prod");
  assert(needsOf(prod).includes("dev"));
  const asDev = JSON.parse(
    JSON.stringify({ ...prod, needs: dev.needs }).replaceAll('"prod"', '"dev"'),
  );
  assertEquals(asDev, dev);
  assertEquals(prod.environment, "prod");
  assertEquals(prod.env?.OKDATA_ENVIRONMENT, "prod");
  assertEquals(dev.steps?.slice(-2).map(({ run }) => run), [
    ...["bash .github/scripts/deploy apply", "bash .github/scripts/deploy smoke"],
  ]);
  assert(!JSON.stringify([dev, prod]).includes("continue-on-error"));
});

Deno.test("each variable of a deployment is explained to who sets it", async () => {
  const { env = {} } = jobOf("deploy.yaml", "dev");
  const contributing = await read("CONTRIBUTING.md");
  for (const [name, value] of Object.entries(env)) {
    if (value.includes("vars.")) assertStringIncludes(contributing, `\`${name}\``);
  }
});

const CHANGELOG = `# Changelog

## 1.10.0

- Ten.

## 1.1.0-beta.1

- Zero.

## 1.1.0 (2026-01-02)

- One.
- Two.

## 1.0.0 (unreleased)

- Nought.

## 0.9.0

## 0.8.0

- Old.
`;

async function notes(tag: string, version: string, changelog = CHANGELOG) {
  const cwd = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${cwd}/deno.json`, JSON.stringify({ version }));
    await Deno.writeTextFile(`${cwd}/CHANGELOG.md`, changelog);
    const script = `${ROOT}${SCRIPTS}notes.ts`;
    return await run(Deno.execPath(), ["run", "--quiet", "--allow-read", script, tag], { cwd });
  } finally {
    await Deno.remove(cwd, { recursive: true });
  }
}

Deno.test("the notes of a release are its section of the changelog", async () => {
  const expected = { code: 0, stderr: "" };
  assertEquals(await notes("v1.1.0", "1.1.0"), { ...expected, stdout: "- One.\n- Two.\n" });
  assertEquals(await notes("v0.8.0", "0.8.0"), { ...expected, stdout: "- Old.\n" });
});

Deno.test("a tag is refused that is not the version, or that the changelog does not tell of", async () => {
  const refusals: [string, string, RegExp][] = [
    ["1.1.0", "1.1.0", /expected a tag like v1\.2\.3, got "1\.1\.0"/],
    ["v1.1.0-rc.1", "1.1.0-rc.1", /expected a tag/],
    ["", "1.1.0", /expected a tag/],
    ["v1.1.0", "1.1.1", /the tag is v1\.1\.0, and deno\.json has the version 1\.1\.1/],
    ["v1.2.0", "1.2.0", /no section "## 1\.2\.0"/],
    ["v1.1.00", "1.1.00", /no section/],
    ["v1.0.0", "1.0.0", /still calls it "1\.0\.0 \(unreleased\)"/],
    ["v0.9.0", "0.9.0", /says nothing of 0\.9\.0/],
  ];
  for (const [tag, version, expected] of refusals) {
    const { code, stdout, stderr } = await notes(tag, version);
    assertEquals({ code, stdout }, { code: 1, stdout: "" }, tag);
    assertMatch(stderr, expected);
  }
});

/** The smoke test of an executable, which is here a shell script with this body. */
async function smoke(body: string) {
  const { folder } = await standIns(["probe"], body);
  try {
    const args = ["run", "--quiet", "-A", `${SCRIPTS}smoke.ts`, `${folder}/probe`];
    return await run(Deno.execPath(), args);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("the smoke test passes the probe and no program that only looks like it", async () => {
  const real = `exec "${Deno.execPath()}" run --quiet -A "${ROOT}main.ts" "$@"`;
  const passed = await smoke(real);
  assertEquals(passed.code, 0, passed.stderr);

  const says = `case $1 in --version) echo dataplatform-probe ${version} ;;`;
  const imposters: [string, string][] = [
    ["--version", "exit 0"],
    ["--version", `echo dataplatform-probe ${version}0`],
    ["--version", `echo dataplatform-probe ${version}; exit 1`],
    ["--once", `${says} *) exit 3 ;; esac`],
    ["--once", `${says} *) echo SUCCEEDED ;; esac`],
  ];
  for (const [flag, body] of imposters) {
    const { code, stderr } = await smoke(body);
    assertEquals(code, 1, body);
    assertStringIncludes(stderr, `${flag}: expected exit code`);
  }
});

/** A script of the pipelines on a machine whose tools are stand-ins. */
async function script(name: string, args: string[], env: Record<string, string>, body = "") {
  const { folder, calls } = await standIns(["aws", "kubectl", "docker"], body);
  try {
    const PATH = `${folder}:${Deno.env.get("PATH")}`;
    const options = { env: { ...env, PATH } };
    const ended = await run("bash", [SCRIPTS + name, ...args], options);
    return { ...ended, calls: await Deno.readTextFile(calls).catch(() => "") };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const ENVIRONMENT = {
  ...{ AWS_REGION: "eu-west-1", AWS_ROLE: "arn:aws:iam::1:role/deploy", CLUSTER: "blue" },
  ...{ NAMESPACE: "probes", DATASET_ID: "abc,def", OKDATA_CLIENT_ID: "me" },
  ...{ OKDATA_ENVIRONMENT: "prod", IMAGE: "ghcr.io/a/b", DIGEST: `sha256:${"a1".repeat(32)}` },
};

Deno.test("an environment that lacks a variable is told all that it lacks", async () => {
  assertEquals((await script("deploy", ["check"], ENVIRONMENT)).code, 0);
  const { code, stderr, calls } = await script("deploy", ["check"], {
    ...{ ...ENVIRONMENT, CLUSTER: "", DATASET_ID: "" },
  });
  assertEquals(code, 1);
  assertStringIncludes(stderr, "The environment lacks CLUSTER DATASET_ID;");
  assertEquals(calls, "");
});

const withKubectl = Deno.env.get("CI") === "true" ||
  await isAvailable(
    `kubectl version --client --output=json | grep -q '"kustomizeVersion": "v5'`,
    "what a deployment applies",
  );

Deno.test({
  name: "what is deployed is the image by its digest, with the environment's settings",
  ignore: !withKubectl,
  async fn() {
    const { stdout: kubectl } = await run("sh", ["-c", "command -v kubectl"]);
    const renders = `[ "$1" = apply ] && exec ${kubectl.trim()} kustomize "$5"; exit 0`;
    const { code, stdout, stderr, calls } = await script("deploy", ["apply"], ENVIRONMENT, renders);
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    const [update, apply = "", rollout] = calls.split("\n");
    assertEquals(update, "aws eks update-kubeconfig --region eu-west-1 --name blue");
    const [, overlay = ""] = apply.match(/^kubectl apply --namespace probes --kustomize (\S+)$/) ??
      [];

    const manifests = parseAllDocuments(stdout).map((document) => document.toJS()) as Manifest[];
    const deployment = onlyOfKind<IDeployment>(manifests, "Deployment");
    assertEquals(
      podOf(deployment).containers.map(({ image }) => image),
      [`ghcr.io/a/b@${ENVIRONMENT.DIGEST}`],
    );
    const { DATASET_ID, OKDATA_CLIENT_ID, OKDATA_ENVIRONMENT } = ENVIRONMENT;
    assertObjectMatch(environmentOf(deployment, manifests), {
      ...{ DATASET_ID, OKDATA_CLIENT_ID, OKDATA_ENVIRONMENT },
    });
    assertEquals(
      rollout,
      "kubectl rollout status --namespace probes --timeout 5m " +
        `deployment/${deployment.metadata?.name}`,
    );
    assert(overlay);
    await assertRejects(() => Deno.stat(overlay), Deno.errors.NotFound);
  },
});

Deno.test("a step that fails ends a deployment; the probe's exit code decides the smoke test", async () => {
  const broken = await script("deploy", ["apply"], ENVIRONMENT, "exit 4");
  assertEquals(broken.code, 4);
  assertEquals(broken.calls.split("\n").length, 2);
  for (const code of [0, 3]) {
    const { calls, ...ended } = await script("deploy", ["smoke"], ENVIRONMENT, `exit ${code}`);
    assertEquals(ended.code, code);
    assertEquals(
      calls,
      "kubectl exec --namespace probes deployment/dataplatform-probe -- " +
        "/usr/local/bin/dataplatform-probe --once\n",
    );
  }
});

Deno.test("an image is known by the digest that it was pushed under", async () => {
  const output = await Deno.makeTempFile();
  try {
    const env = {
      ...{ IMAGE: "ghcr.io/a/b", GITHUB_ACTOR: "me", GITHUB_TOKEN: "t0ken" },
      ...{ GITHUB_SERVER_URL: "https://github.com", GITHUB_REPOSITORY: "a/b" },
      GITHUB_OUTPUT: output,
    };
    const digest = `sha256:${"0".repeat(64)}`;
    const write = (said: string) =>
      `while [ $# -gt 0 ]; do
         [ "$1" = --metadata-file ] && echo '{"containerimage.digest": "${said}"}' >"$2"
         shift
       done; exit 0`;
    const { code, calls } = await script("image", [], env, write(digest));
    assertEquals(code, 0);
    assertEquals(await Deno.readTextFile(output), `digest=${digest}\n`);
    assertStringIncludes(calls, "--platform linux/amd64,linux/arm64");
    assertStringIncludes(calls, "name=ghcr.io/a/b,push=true,push-by-digest=true");
    assert(!calls.includes("t0ken"), "a token in an argument is seen by every process");

    await Deno.writeTextFile(output, "");
    assertEquals((await script("image", [], env, write("null"))).code, 1);
    assertEquals(await Deno.readTextFile(output), "");
  } finally {
    await Deno.remove(output);
  }
});

Deno.test("a bill of materials lists the locked packages, what needs what, and the runtime", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const lock = programLock();
    const { npm } = lock;
    await Deno.writeTextFile(`${folder}/deno.lock`, JSON.stringify(lock));
    const components = Object.keys(npm).map((key) => {
      const [, group, name, version] = key.match(/^(?:(@.+)\/)?([^@]+)@(.+)$/) ?? [];
      return { "bom-ref": `pkg:npm/${key}`, group: group ?? "", name, version };
    });
    const component = { "bom-ref": "pkg:npm/probe@1", name: "probe", version: "1" };
    const complete = async (listed: typeof components) => {
      const bill = {
        metadata: { component },
        components: listed,
        dependencies: [{ ref: component["bom-ref"], dependsOn: [] }],
      };
      await Deno.writeTextFile(`${folder}/in.json`, JSON.stringify(bill));
      return await run(Deno.execPath(), [
        ...["run", "--quiet", "--allow-read", "--allow-write", `${SCRIPTS}materials.ts`],
        ...[`${folder}/deno.lock`, `${folder}/in.json`, `${folder}/out.json`],
      ]);
    };
    assertEquals((await complete(components.slice(1))).code, 1);

    const { code, stderr } = await complete(components);
    assertEquals(code, 0, stderr);
    const bill = JSON.parse(await Deno.readTextFile(`${folder}/out.json`));
    const needs = (ref: string) =>
      bill.dependencies.find((entry: { ref: string }) => entry.ref === ref).dependsOn;
    const runtime = `pkg:github/denoland/deno@v${Deno.version.deno}`;
    assertEquals(bill.components.length, components.length + 1);
    assertEquals(bill.components.at(-1).purl, runtime);
    const named = Object.keys(lock.specifiers).map((name) => name.replace("npm:", "pkg:npm/"));
    assertEquals(needs("pkg:npm/probe@1"), [...named, runtime]);
    assert(named.includes("pkg:npm/uplot@1.6.32"), "what the browser gets");
    const client = Object.keys(npm).find((key) => key.startsWith("prom-client@"));
    assertEquals(
      needs(`pkg:npm/${client}`).map((ref: string) => ref.replace(/@[\d.]+$/, "")),
      ["pkg:npm/@opentelemetry/api", "pkg:npm/tdigest"],
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

const withShellcheck = Deno.env.get("CI") === "true" ||
  await isAvailable("shellcheck --version", "the shell scripts of the pipelines");

Deno.test({
  name: "the shell scripts of the pipelines are sound",
  ignore: !withShellcheck,
  async fn() {
    const ours = [
      ...Object.values(scripts),
      ...await Promise.all((await namesIn(".ci/")).map(
        (name) => read(`.ci/${name}`),
      )),
      await read(".github/actions/probe/probe"),
    ];
    const own = ours.filter((text) => text.startsWith("#!/usr/bin/env bash"));
    assertEquals(own.length, 7);
    const inline = steps.flatMap(({ step }) => step.run ? [`#!/bin/bash -e\n${step.run}\n`] : []);
    const folder = await Deno.makeTempDir();
    try {
      const files = [...own, ...inline].map((text, index) => {
        Deno.writeTextFileSync(`${folder}/${index}`, text);
        return `${folder}/${index}`;
      });
      const { code, stdout } = await run("shellcheck", files);
      assertEquals(code, 0, stdout);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
