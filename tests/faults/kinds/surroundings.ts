/** Standard streams and file systems that do not work. */
import { assertEquals } from "@std/assert";
import { eventually, Program, sharingTest } from "../../support/program.ts";
import { occupyPort } from "../../support/targets.ts";
import { respondsAndCloses, responseOf } from "../behaviours.ts";
import { endure } from "../endure.ts";
import { FaultyTarget, healthy } from "../faulty_target.ts";
import { withoutNetwork } from "../network_rig.ts";
import { RATE, SETTINGS } from "../rigs.ts";

/** What a shell does before it becomes the program. */
const SURROUNDINGS: { where: string; script: string; wrapper?: string[]; ignore?: boolean }[] = [
  {
    where: "with standard output and error closed",
    script: "exec >&- 2>&-",
  },
  {
    where: "with standard error on a full disk",
    script: "exec 2>/dev/full",
  },
  {
    where: "with standard error that nobody reads",
    script: "exec >/dev/null 2>$PIPE",
  },
  {
    where: "on a read-only file system",
    script: "mount --make-rprivate / && mount -o remount,bind,ro / && ! touch ./here 2>/dev/null",
    wrapper: ["unshare", "--mount"],
    ignore: withoutNetwork,
  },
];

for (const { where, script, wrapper = [], ignore } of SURROUNDINGS) {
  sharingTest(`the probe works ${where}`, async () => {
    await using parts = new AsyncDisposableStack();
    const target = parts.use(new FaultyTarget());
    const pipe = await Deno.makeTempFile();
    parts.defer(() => Deno.remove(pipe));
    await Deno.remove(pipe);
    await new Deno.Command("mkfifo", { args: [pipe] }).output();
    const unread = await Deno.open(pipe, { read: true, write: true });
    parts.defer(() => unread.close());
    const port = freePort();
    const program = parts.use(
      new Program({
        wrapper: [...wrapper, "sh", "-c", `${script} && exec "$@"`, "sh"],
        args: ["--table", "--table-interval", "0.05", "--rows", "100"],
        env: {
          ...SETTINGS,
          OKDATA_API_URL: target.url,
          PORT: String(port),
          LOG_LEVEL: "debug",
          PIPE: pipe,
        },
      }),
    );
    const url = `http://127.0.0.1:${port}`;
    await eventually(
      "the program responds",
      () => fetch(url).then((r) => r.text()).catch(() => false),
    );
    const { requests } = target;
    await endure({ program, url, rate: RATE, requests, isSilent: true }, {
      reason: "not_found",
      seen: 1,
      tasks: 40,
      begin: () => target.behaviour = respondsAndCloses(responseOf("404 Not Found", [])),
      end: () => target.behaviour = healthy,
    });
    program.kill("SIGTERM");
    assertEquals((await program.ended(5_000)).code, 0);
  }, { ignore });
}

function freePort(): number {
  using taken = occupyPort();
  return taken.port;
}
