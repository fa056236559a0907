/**
 * Builds the image offline and runs it. Needs root, `buildah`, `runc`, and what `.ci/denort` prepares:
 * `eval "$(.ci/denort)" && deno test -A tests/container/`.
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { PERMISSIONS } from "../../local/tools/compile.ts";
import { NO_FAULTS } from "../../local/http_server/faults.ts";
import { startHttpServer } from "../../local/http_server/http_server.ts";
import { eventually, isAvailable } from "../support/program.ts";
import { type Image, Images, output } from "./buildah.ts";
import { Container } from "./container.ts";
import { type Compiler, makeStandIns } from "./stand_ins.ts";

/** How long an engine waits after SIGTERM until it kills. */
const GRACE_MS = 10_000;

/** Files of a container's root that are its engine's. */
const ENGINE_FILES = ["/proc", "/dev", "/sys", "/run"];

const ROOT = new URL("../..", import.meta.url).pathname;

function compilerOf(env: Deno.Env): Compiler | undefined {
  const [deno, runtime] = [env.get("DENO_COMPILE"), env.get("DENORT_BIN")];
  return deno && runtime ? { deno, runtime } : undefined;
}

const compiler = compilerOf(Deno.env);
const canRun = Deno.env.get("CI") === "true" || await isAvailable(
      '[ "$(uname -sm)" = "Linux x86_64" ] && [ "$(id -u)" = 0 ] && command -v buildah runc',
      "the image",
    ) && (compiler !== undefined || say("Not tested here: the image, without .ci/denort."));

function say(line: string): false {
  console.log(line);
  return false;
}

Deno.test({
  name: "the image",
  ignore: !canRun,
  fn: async (t) => {
    if (!compiler) throw new Error("DENO_COMPILE and DENORT_BIN are not set");
    const folder = await Deno.makeTempDir({ prefix: "container-" });
    try {
      await using images = await Images.in(folder);
      await makeStandIns(images, folder, compiler);
      await Deno.chmod(folder, 0o755);
      const context = await closedCheckout(`${folder}/checkout`);
      await testProbe(t, images, folder, context);
      await testLocal(t, images, folder, context);
      await testOtherArchitecture(t, images, context);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** What the Dockerfile copies, as it lies on a disk where only its owner may read new files. */
async function closedCheckout(folder: string): Promise<string> {
  await Deno.mkdir(folder);
  const names = [".dockerignore", "Dockerfile", "deno.json", "main.ts", "src", "local"];
  await output("cp", ["-r", ...names.map((name) => ROOT + name), folder]);
  await output("chmod", ["-R", "go=", folder]);
  return folder;
}

async function testProbe(t: Deno.TestContext, images: Images, folder: string, context: string) {
  const options = ["--build-arg", "SOURCE=https://example.com/source"];
  await images.build({ tag: "probe", context, options });
  const image = await images.inspect("probe");
  const root = await images.rootOf("probe");
  const base = await images.rootOf("gcr.io/distroless/cc-debian13:nonroot");
  const start = starter(image, root, `${folder}/probe`);
  const emulator = startHttpServer({ faults: NO_FAULTS, requireToken: true });
  const api = {
    DATASET_ID: "abc123",
    PORT: "0",
    OKDATA_API_URL: `${emulator.url}/metadata/datasets`,
  };
  const step = (name: string, body: () => Promise<void>) => t.step(name, body);

  await step("adds one layer with one file to its base", async () => {
    const { layerBytes } = await images.inspect("gcr.io/distroless/cc-debian13:nonroot");
    const inBase = await filesBelow(base);
    const added = (await filesBelow(root)).filter((path) => !inBase.includes(path));
    assertEquals(added, ["/usr/local/bin/dataplatform-probe"]);
    assertEquals(image.layerBytes.length, layerBytes.length + 1);
    const { size, mode, uid } = await Deno.stat(`${root}${added[0]}`);
    assertEquals([uid, mode! & 0o022], [0, 0], "only root may change it");
    const figures = image.layerBytes.map((bytes) => `${(bytes / 1e6).toFixed(1)} MB`);
    console.log(`layers, unpacked: ${figures.join(", ")}; the executable: ${size} bytes`);
  });

  await step("says what it is and how to run it", () => {
    const { User, ExposedPorts, StopSignal, Labels, Cmd } = image.config;
    assertEquals([User, StopSignal, Cmd ?? []], ["65532:65532", "SIGTERM", []]);
    assertEquals(Object.keys(ExposedPorts!), ["8000/tcp"]);
    const label = (name: string) => Labels[`org.opencontainers.image.${name}`];
    assertEquals(label("title"), "dataplatform-probe");
    assertEquals([label("licenses"), label("source")], ["MIT", "https://example.com/source"]);
    assertMatch(label("description") ?? "", /^Watches /);
    return Promise.resolve();
  });

  await step("runs where nothing can be written, as any user", async () => {
    for (const user of [undefined, 12_345]) {
      await using container = await start({ args: ["--version"], user });
      const { code, stdout, stderr } = await container.ended();
      assertEquals([code, stderr], [0, ""]);
      assertMatch(stdout, /^dataplatform-probe \d+\.\d+\.\d+\n$/);
    }
  });

  await step("refuses a wrong configuration", async () => {
    await using container = await start({});
    const { code, stderr } = await container.ended();
    assertEquals(code, 2);
    assertMatch(stderr, /DATASET_ID/);
  });

  await step("probes with a secret by file, is healthy, and stops at SIGTERM", async () => {
    const secret = `${folder}/secret`;
    await Deno.writeTextFile(secret, "local-secret\n", { mode: 0o400 });
    await Deno.chown(secret, 65532, 65532);
    await using container = await start({
      env: {
        ...api,
        OKDATA_TOKEN_URL: `${emulator.url}/auth/realms/api-catalog/protocol/openid-connect/token`,
        OKDATA_CLIENT_ID: "local-client",
        OKDATA_CLIENT_SECRET_FILE: "/run/secrets/client-secret",
        PORT: String(freePort()),
      },
      files: { "/run/secrets/client-secret": secret },
    });
    const url = await container.listening();

    const status = await container.status();
    assertEquals(status.NSpid?.split("\t").at(-1), "1");
    assertEquals([status.Uid, status.Gid], ["65532\t65532\t65532\t65532", status.Uid]);
    assertEquals([status.CapEff, status.NoNewPrivs], ["0000000000000000", "1"]);

    await untilMatch(() => textOf(`${url}/metrics`), /^probe_tasks_succeeded_total\{.*\} [1-9]/m);

    assertEquals((await container.exec(healthCheckOf(image))).code, 0);
    assert((await container.exec(["sh", "-c", "true"])).code !== 0, "there is a shell");

    await container.kill("SIGTERM");
    const { code, stderr } = await container.ended(GRACE_MS);
    assertEquals(code, 0, stderr);
  });

  await step("stops in time while its target hangs", async () => {
    using hanging = Deno.listen({ port: 0, hostname: "127.0.0.1" });
    await using container = await start({
      env: {
        ...api,
        LOCAL_SERVICES_ONLY: "true",
        OKDATA_API_URL: `http://127.0.0.1:${hanging.addr.port}`,
      },
    });
    const url = await container.listening();
    await untilMatch(() => textOf(`${url}/metrics`), /^probe_tasks_in_flight\{.*\} 1$/m);
    await container.kill("SIGTERM");
    const { code, stderr } = await container.ended(GRACE_MS);
    assertEquals(code, 0, stderr);
    assertMatch(stderr, /abandoned/);
  });

  await step("is unhealthy where no probe responds", async () => {
    await using container = await start({
      args: healthCheckOf(image).slice(1),
      env: { PORT: "9" },
    });
    assertEquals((await container.ended()).code, 5);
  });

  await emulator.shutdown();
}

async function testLocal(t: Deno.TestContext, images: Images, folder: string, context: string) {
  await images.build({ tag: "local", context, options: ["--target", "local"] });
  const image = await images.inspect("local");
  const root = await images.rootOf("local");
  const start = starter(image, root, `${folder}/local`);

  await t.step("the image of the stack holds packages, and no database that was open", async () => {
    const names = await Array.fromAsync(Deno.readDir(`${root}/deno-dir`), ({ name }) => name);
    assertEquals(names, ["npm"]);
  });

  await t.step("the emulator runs from an image that needs no network", async () => {
    await using container = await start({
      env: { HTTP_SERVER_PORT: "0", DELAY_PERCENT: "0", UNAUTHORIZED_PERCENT: "0" },
    });
    const url = await container.listening();
    assertEquals(JSON.parse(await textOf(`${url}/metadata/datasets/abc123`)).Id, "abc123");
    assertEquals((await container.status()).Uid, "1993\t1993\t1993\t1993");
    await container.kill("SIGTERM");
    assertEquals((await container.ended(GRACE_MS)).code, 0);
  });

  await t.step("so does the receiver of alerts", async () => {
    const args = image.config.Cmd!.with(-1, "local/alert_receiver.ts");
    await using container = await start({ args, env: { ALERT_RECEIVER_PORT: "0" } });
    const url = await container.listening();
    assertEquals(await textOf(`${url}/alerts`), "[]");
    await container.kill("SIGTERM");
    assertEquals((await container.ended(GRACE_MS)).code, 0);
  });
}

async function testOtherArchitecture(t: Deno.TestContext, images: Images, context: string) {
  await t.step("is built for arm64 without running anything of it", async () => {
    const written = await images.build({
      tag: "arm64",
      context,
      // Buildah 1.28 takes the second one for the first where it is not told.
      options: ["--platform", "linux/arm64", "--build-arg", "BUILDPLATFORM=linux/amd64"],
    });
    assertMatch(written, /compiled with: .* --target aarch64-unknown-linux-gnu /);
    assertStringIncludes(written, ` ${PERMISSIONS.join(" ")} `);
    assertEquals((await images.inspect("arm64")).architecture, "arm64");
  });
}

/** Starts containers of an image, each with a folder of its own. */
function starter(image: Image, root: string, folder: string) {
  let count = 0;
  return (start: Parameters<typeof Container.start>[3]) =>
    Container.start(image, root, `${folder}-${++count}`, start);
}

/** The words of the image's health check, which needs no shell. */
function healthCheckOf({ config }: Image): string[] {
  const [kind, ...command] = config.Healthcheck!.Test;
  assertEquals(kind, "CMD");
  return command;
}

async function textOf(url: string): Promise<string> {
  return await (await fetch(url, { signal: AbortSignal.timeout(GRACE_MS) })).text();
}

async function untilMatch(look: () => Promise<string>, pattern: RegExp) {
  await eventually(String(pattern), async () => pattern.test(await look()));
}

/** A port that nobody has: the health check must know it beforehand. */
function freePort(): number {
  using listener = Deno.listen({ port: 0 });
  return listener.addr.port;
}

async function filesBelow(root: string, path = ""): Promise<string[]> {
  if (ENGINE_FILES.includes(path)) return [];
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(`${root}${path}`)) {
    const own = `${path}/${name}`;
    found.push(...isDirectory ? await filesBelow(root, own) : [own]);
  }
  return found.sort();
}
