/**
 * Tries what the executable must not be able to do, and what it needs, and prints how each ended as
 * one JSON document: null where it was done, the error where it was not. It is compiled with the
 * executable's own flags. Its arguments are a folder and the address of a server.
 */
import childProcess from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import process from "node:process";
import workers from "node:worker_threads";

const [folder, server] = Deno.args;

/** What was tried and how it ended. */
export type Report = {
  /** What no permission covers. */
  forbidden: Record<string, string | null>;
  /** What the program needs. */
  needed: Record<string, string | null>;
};

type Attempts = Record<string, () => unknown>;

const FORBIDDEN: Attempts = {
  "write a file": () => Deno.writeTextFileSync(`${folder}/new`, ""),
  "open a file to write": () => Deno.openSync(`${folder}/file`, { write: true }),
  "append to a file": () => Deno.openSync(`${folder}/file`, { append: true }),
  "cut a file": () => Deno.truncateSync(`${folder}/file`, 0),
  "rename a file": () => Deno.renameSync(`${folder}/file`, `${folder}/other`),
  "copy a file": () => Deno.copyFileSync(`${folder}/file`, `${folder}/other`),
  "link a file": () => Deno.linkSync(`${folder}/file`, `${folder}/other`),
  "link by name": () => Deno.symlinkSync(`${folder}/file`, `${folder}/other`),
  "remove a file": () => Deno.removeSync(`${folder}/file`),
  "change a file's mode": () => Deno.chmodSync(`${folder}/file`, 0o777),
  "change a file's owner": () => Deno.chownSync(`${folder}/file`, 0, 0),
  "change a file's time": () => Deno.utimeSync(`${folder}/file`, 0, 0),
  "make a folder": () => Deno.mkdirSync(`${folder}/folder`),
  "make a temporary file": () => Deno.makeTempFileSync(),
  "make a temporary folder": () => Deno.makeTempDirSync({ dir: folder }),
  "write by node:fs": () => fs.writeFileSync(`${folder}/new`, ""),
  "append by node:fs": () => fs.appendFileSync(`${folder}/file`, "more"),
  "stream into a file": () =>
    new Promise<void>((resolve, reject) => {
      fs.createWriteStream(`${folder}/new`).on("error", reject).on("finish", resolve).end("text");
    }),
  "remove by node:fs": () => fs.rmSync(`${folder}/file`),
  "make a temporary folder by node:fs": () => fs.mkdtempSync(`${folder}/`),
  "keep in localStorage": () => localStorage.setItem("key", "value"),
  "keep in caches": async () => {
    const cache = await caches.open("cache");
    await cache.put("http://example.com/", new Response("kept"));
  },
  "listen on a Unix socket": () => Deno.listen({ transport: "unix", path: `${folder}/socket` }),
  "connect to a Unix socket": () => Deno.connect({ transport: "unix", path: `${folder}/socket` }),

  "run a command": () => new Deno.Command("/bin/true").outputSync(),
  "start a command": () => new Deno.Command("/bin/true").spawn(),
  "run by node:child_process": () => {
    const { error } = childProcess.spawnSync("/bin/true");
    if (error) throw error;
  },
  "run a shell by node:child_process": () => childProcess.execSync("true"),
  "fork by node:child_process": () =>
    new Promise((resolve, reject) =>
      childProcess.fork(`${folder}/code.js`).on("error", reject).on("exit", resolve)
    ),
  "signal another process": () => Deno.kill(Deno.ppid, "SIGCONT"),
  "signal by node:process": () => process.kill(Deno.ppid, "SIGCONT"),

  "read another variable": () => Deno.env.get("HOME"),
  "read all variables": () => Deno.env.toObject(),
  "set a variable": () => Deno.env.set("HOME", "/"),
  "remove a variable": () => Deno.env.delete("HOME"),
  "read another variable by node:process": () => process.env.HOME,
  "read all variables by node:process": () => ({ ...process.env }),
  "read the environment as a file": () => Deno.readTextFileSync("/proc/self/environ"),
  "read another's environment as a file": () => Deno.readTextFileSync(`/proc/${Deno.ppid}/environ`),
  "read the memory as a file": () => Deno.readFileSync("/proc/self/mem"),

  "ask for the host's name": () => Deno.hostname(),
  "ask for the system's release": () => Deno.osRelease(),
  "ask for the time since boot": () => Deno.osUptime(),
  "ask for the load": () => Deno.loadavg(),
  "ask for the network's interfaces": () => Deno.networkInterfaces(),
  "ask for the machine's memory": () => Deno.systemMemoryInfo(),
  "ask for the user": () => Deno.uid(),
  "ask for the group": () => Deno.gid(),
  "ask for the host's name by node:os": () => os.hostname(),
  "ask for the user by node:os": () => os.userInfo(),
  "ask for processors by node:os": () => os.cpus(),
  "change a priority by node:os": () => os.setPriority(0, 1),

  "open a library": () => Deno.dlopen("/lib/x86_64-linux-gnu/libc.so.6", {}),
  "open a library by node:process": () => process.dlopen({ exports: {} }, `${folder}/code.node`),

  "write by the code of a file": () => import(`file://${folder}/code.js`),
  "import code over the network": () => import(`${server}/code.js`),
  "import code of a host that Deno trusts": () => import(`https://jsr.io/${crypto.randomUUID()}`),
  "import code of a registry": () => import(`npm:${["left-pad"]}@1.3.0`),
  "write in a worker": () => heard(new Worker(writer(), { type: "module" })),
  "write in a worker of node:worker_threads": () =>
    new Promise((resolve, reject) => {
      const worker = new workers.Worker(new URL(writer()));
      worker.on("error", reject).on("message", (error) => error ? reject(error) : resolve(null));
    }),
  ...Object.fromEntries(
    ([
      { name: "write" },
      { name: "run" },
      { name: "env" },
      { name: "sys" },
      { name: "ffi" },
      { name: "import" },
      { name: "import", host: "jsr.io" },
      { name: "import", host: "none.invalid" },
    ] as Deno.PermissionDescriptor[]).map((descriptor) => [
      `be given ${Object.values(descriptor).join(" ")}`,
      async () => {
        const { state } = await Deno.permissions.request(descriptor);
        if (state !== "granted") throw new Deno.errors.NotCapable(state);
      },
    ]),
  ),
};

const NEEDED: Attempts = {
  "read a file": () => Deno.readTextFileSync(`${folder}/file`),
  "read its variable": () => expect(Deno.env.get("DATASET_ID"), "abc123"),
  "read its variable by node:process": () => expect(process.env.DATASET_ID, "abc123"),
  "see that its variable is unset": () => expect(Deno.env.get("APP_ID"), undefined),
  "listen": () => Deno.listen({ port: 0 }).close(),
  "request": () =>
    new Promise((resolve, reject) =>
      http.get(`${server}/code.js`, (response) => response.resume().on("end", resolve))
        .on("error", reject)
    ),
  "know its memory": () => Deno.memoryUsage().rss,
  "know its CPU time": () => process.cpuUsage(),
  "hear signals": () => Deno.addSignalListener("SIGTERM", () => {}),
};

/** A worker's code that writes a file and tells how that went. */
function writer(): string {
  return `data:text/javascript,${
    encodeURIComponent(`
      let error = null;
      try {
        Deno.writeTextFileSync(${JSON.stringify(`${folder}/new`)}, "");
      } catch (thrown) {
        error = thrown.name + ": " + thrown.message;
      }
      if (globalThis.postMessage) postMessage(error);
      else (await import("node:worker_threads")).parentPort.postMessage(error);
    `)
  }`;
}

/** What a worker tells: null where it has done its work. */
function heard(worker: Worker): Promise<null> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => data === null ? resolve(null) : reject(data);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(event.message);
    };
  });
}

function expect(value: unknown, expected: unknown): void {
  if (value !== expected) throw new Error(`expected ${expected}, got ${value}`);
}

async function outcomes(attempts: Attempts): Promise<Record<string, string | null>> {
  const found: Record<string, string | null> = {};
  for (const [name, attempt] of Object.entries(attempts)) {
    try {
      await attempt();
      found[name] = null;
    } catch (error) {
      found[name] = String(error);
    }
  }
  return found;
}

if (import.meta.main) {
  const report: Report = { forbidden: await outcomes(FORBIDDEN), needed: await outcomes(NEEDED) };
  console.log(JSON.stringify(report));
  Deno.exit();
}
