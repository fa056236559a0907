/** Terminals that go away under the program, and SIGHUP where there is none. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  DATASET_ID,
  eventually,
  isAvailable,
  linesOf,
  shellCommand,
  type Start,
  test,
} from "../../support/program.ts";
import { ONCE } from "../../support/loop.ts";
import { respondWithDataset, startServer, startWaitingServer } from "../../support/targets.ts";
import { Terminal } from "../../support/terminal.ts";

const ignore = !await isAvailable("tmux -V && nohup true && setsid true", "terminals that go away");

/** Files that programs of a test write, and what is in them. */
async function createOutputs() {
  const folder = await Deno.makeTempDir({ prefix: "probe-hangup-" });
  const path = (name: string) => `${folder}/${name}`;
  const read = async (name: string) => {
    try {
      return await Deno.readTextFile(path(name));
    } catch {
      return "";
    }
  };
  const says = (name: string, text: string) =>
    eventually(`${name} says: ${text}`, async () => (await read(name)).includes(text));
  return {
    path,
    read,
    says,
    /** Waits until a probe listens; returns its address. */
    urlIn: (name: string) =>
      eventually("it listens", async () => (await read(name)).match(/; see (http:[^\s"\\]+)/)?.[1]),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

function loop(apiUrl: string): Start {
  return {
    env: {
      ...{ DATASET_ID, OKDATA_API_URL: apiUrl, TASK_INTERVAL_SECONDS: ONCE },
      ...{ PORT: "0", LOG_FORMAT: "text" },
    },
  };
}

async function isHealthy(url: string): Promise<boolean> {
  const response = await fetch(`${url}/healthz`);
  await response.body?.cancel();
  return response.status === 200;
}

for (const args of [[], ["--table", "--table-interval", "0.1"]]) {
  test(
    `SIGHUP at a terminal reads files again, until the terminal is gone: then the loop stops ${
      args.join(" ")
    }`,
    async () => {
      await using target = startServer(respondWithDataset);
      await using outputs = await createOutputs();
      const command = `echo $$ >${outputs.path("pid")}; exec ${
        shellCommand({ ...loop(target.url), args })
      }`;
      await using terminal = await Terminal.run(`${command} 2>${outputs.path("log")}`);
      const url = await outputs.urlIn("log");
      const pid = Number(await outputs.read("pid"));
      Deno.kill(pid, "SIGHUP");
      await outputs.says("log", "read the endpoint's files again: nothing changed");
      assertEquals(await isHealthy(url), true);

      await terminal.close();
      await outputs.says("log", "stopped");
      assertMatch(await outputs.read("log"), /stopping with 0 tasks in flight\n.* stopped\n(?!\d)/);
    },
    { ignore },
  );
}

test(
  "a one-off run whose terminal goes away writes its document with what is pending",
  async () => {
    await using platform = startWaitingServer();
    await using outputs = await createOutputs();
    const run = shellCommand({
      args: ["--once", "--json"],
      env: { DATASET_ID, OKDATA_API_URL: platform.url },
    });
    await using terminal = await Terminal.run(`${run} >${outputs.path("json")}`);
    await eventually("a request", () => platform.waiting() === 1);
    await terminal.close();
    await outputs.says("json", "PENDING");
    await eventually(
      "the whole document",
      async () => (await outputs.read("json")).endsWith("}\n"),
    );
    assertEquals(JSON.parse(await outputs.read("json")).tasks.length, 1);
  },
  { ignore },
);

test(
  "under nohup and setsid a program outlives its terminal, and SIGHUP does not stop it",
  async () => {
    await using platform = startWaitingServer();
    await using target = startServer(respondWithDataset);
    await using outputs = await createOutputs();
    const start = (wrapper: string, name: string, start: Start, input = "") =>
      `${wrapper} ${shellCommand(start)} ${input} >${outputs.path(name)} 2>&1 & echo $! >${
        outputs.path(`${name}.pid`)
      }`;
    const once = { args: ["--once"], env: { DATASET_ID, OKDATA_API_URL: platform.url } };
    await using terminal = await Terminal.run([
      start("nohup", "nohup", loop(target.url)),
      // Its standard input leads to the terminal, which is not its controlling one; in the background
      // a shell would replace it by /dev/null.
      start("setsid", "setsid", loop(target.url), "</dev/tty"),
      start("nohup", "once", once),
      "read _",
    ].join("; "));
    const urls = [await outputs.urlIn("nohup"), await outputs.urlIn("setsid")];
    await eventually("a request of the one-off run", () => platform.waiting() === 1);
    await terminal.close();
    for (const name of ["nohup", "setsid"]) {
      const pid = Number(await outputs.read(`${name}.pid`));
      Deno.kill(pid, "SIGHUP");
      await outputs.says(name, "read the endpoint's files again: nothing changed");
    }
    for (const url of urls) assertEquals(await isHealthy(url), true);
    platform.release();
    await outputs.says("once", "SUCCEEDED");

    for (const name of ["nohup", "setsid"]) {
      Deno.kill(Number(await outputs.read(`${name}.pid`)), "SIGTERM");
      await outputs.says(name, "stopped");
      assertStringIncludes(linesOf(await outputs.read(name)).at(-1) ?? "", "stopped");
    }
  },
  { ignore },
);
