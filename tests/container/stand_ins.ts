/**
 * Small images under the names of those that the Dockerfile builds upon, put together from what this
 * machine has: so it can be built where no image can be downloaded.
 */
import { type Images, output } from "./buildah.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

const DISTROLESS = "gcr.io/distroless/cc-debian13:nonroot";

/** What shell commands of the Dockerfile use. */
const TOOLS = ["/bin/sh", "/bin/cat", "/bin/cp", "/bin/mkdir", "/bin/rm"];

/** The packages with the libraries that the real image for compiled programs has. */
const C_PACKAGES = ["libc6", "libgcc-s1", "libstdc++6"];

/**
 * Brings what the registry would deliver at the command that would fetch it, so that an image which
 * does not run that command goes without.
 */
const DENO = `#!/bin/sh
mkdir -p "$DENO_DIR"
case $1 in
  install) cp -r /registry/npm "$DENO_DIR" ;;
  bundle) cp -r /registry/dl "$DENO_DIR" ;;
esac
exec /opt/deno "$@"
`;

/** Says how it is asked to compile, since it has the base runtime of this machine alone. */
const COMPILER = `#!/bin/sh
echo "compiled with: $*" >&2
DENO_DIR=/opt/compiler-dir exec /opt/compiler "$@"
`;

/** Where `.ci/denort` has put what it takes to compile without a download. */
export type Compiler = { deno: string; runtime: string };

/** Makes the stand-ins; `folder` is for what is put together on the way. */
export async function makeStandIns(images: Images, folder: string, compiler: Compiler) {
  await makeDeno(images, `${folder}/deno`, compiler);
  await makeDistroless(images, `${folder}/distroless`);
}

async function makeDeno(images: Images, folder: string, { deno, runtime }: Compiler) {
  await fill(folder, [...TOOLS, Deno.execPath()], {
    "Dockerfile": `FROM scratch
COPY root /
ENV DENO_DIR=/deno-dir/ DENO_COMPILE=/usr/bin/deno-compile DENORT_BIN=/opt/denort
ENTRYPOINT ["docker-entrypoint.sh"]
`,
    "root/etc/passwd": "root:x:0:0::/root:/bin/sh\ndeno:x:1993:1993::/home/deno:/bin/sh\n",
    "root/etc/group": "root:x:0:\ndeno:x:1993:\n",
    "root/usr/bin/deno": DENO,
    "root/usr/bin/deno-compile": COMPILER,
    "root/usr/local/bin/docker-entrypoint.sh": '#!/bin/sh\nexec "$@"\n',
  });
  const root = `${folder}/root`;
  for (const tool of TOOLS) await copy(tool, `${root}${tool}`);
  await copy(Deno.execPath(), `${root}/opt/deno`);
  await copy(deno, `${root}/opt/compiler`);
  await copy(runtime, `${root}/opt/denort`);
  await Deno.mkdir(`${root}/tmp`);
  await fillCaches(
    { registry: `${root}/registry`, compilerCache: `${root}/opt/compiler-dir` },
    folder,
    deno,
  );
  await images.build({ tag: `docker.io/denoland/deno:${Deno.version.deno}`, context: folder });
}

/** The packages of the program and the bundler, and what the compiler wants for its compilation. */
async function fillCaches(
  { registry, compilerCache }: { registry: string; compilerCache: string },
  folder: string,
  compiler: string,
) {
  const app = `${folder}/app`;
  await Deno.mkdir(app);
  await copy(`${ROOT}deno.json`, `${app}/deno.json`);
  await copy(`${ROOT}local/run.lock`, `${app}/local/run.lock`);
  await Deno.writeTextFile(`${app}/empty.js`, 'import "node:process";\n');
  const run = (command: string, cache: string, args: string[]) =>
    output(command, args, { cwd: app, env: { DENO_DIR: cache, DENO_TLS_CA_STORE: "system" } });
  await run(Deno.execPath(), registry, ["install", "--quiet", "--frozen"]);
  await run(Deno.execPath(), registry, ["bundle", "--quiet", "-o", "bundled.js", "empty.js"]);
  await run(compiler, compilerCache, [
    ...["compile", "--quiet", "--no-config", "--no-lock", "--output", "empty", "empty.js"],
  ]);
}

async function makeDistroless(images: Images, folder: string) {
  await fill(folder, [], {
    "Dockerfile": `FROM scratch
COPY root /
COPY --chown=65532:65532 home /home/nonroot
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532
WORKDIR /home/nonroot
`,
    "root/etc/passwd": "root:x:0:0:root:/root:/sbin/nologin\n" +
      "nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n",
    "root/etc/group": "root:x:0:\nnonroot:x:65532:\n",
    "root/etc/nsswitch.conf": "hosts: files dns\n",
    "root/etc/ssl/certs/ca-certificates.crt": "",
  });
  const ofPackages = await output("dpkg", ["-L", ...C_PACKAGES]);
  for (
    const [library] of ofPackages.matchAll(/^\S*\/lib(64|\/[^/]*-linux-gnu)\/[^/]+\.so\b\S*$/gm)
  ) {
    await copy(library, `${folder}/root${library}`);
  }
  await Deno.mkdir(`${folder}/root/tmp`);
  await Deno.chmod(`${folder}/root/tmp`, 0o1777);
  await Deno.mkdir(`${folder}/home`);
  await Deno.chmod(`${folder}/home`, 0o700);
  await images.build({ tag: DISTROLESS, context: folder });
}

/** Writes texts below `folder`, and the libraries of programs below `folder/root`. */
async function fill(folder: string, programs: string[], texts: Record<string, string>) {
  for (const [path, text] of Object.entries(texts)) {
    await Deno.mkdir(`${folder}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.writeTextFile(`${folder}/${path}`, text);
    if (text.startsWith("#!")) await Deno.chmod(`${folder}/${path}`, 0o755);
  }
  for (const program of programs) {
    for (const [library] of (await output("ldd", [program])).matchAll(/\/\S+/g)) {
      await copy(library, `${folder}/root${library}`);
    }
  }
}

async function copy(from: string, to: string) {
  await Deno.mkdir(to.replace(/\/[^/]*$/, ""), { recursive: true });
  await Deno.copyFile(from, to);
}
