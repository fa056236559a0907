/** What `deno task audit` says of known holes in the program's packages, with a registry of our own. */
import { assertEquals, assertMatch } from "@std/assert";
import { parseSpecifier, programLock } from "../../local/tools/dependencies.ts";
import { ROOT } from "../support/program.ts";

type Asked = Record<string, string[]>;

/** A registry that knows of these holes, as npm's own would tell of them. */
function startRegistry(holes: Record<string, string> | null) {
  const asked: Asked[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const name = new URL(request.url).pathname.slice(1);
      if (request.method === "GET") {
        return Response.json({ name, versions: { "1.0.0": { name, version: "1.0.0" } } });
      }
      assertEquals(name, "-/npm/v1/security/advisories/bulk");
      const body = request.body?.pipeThrough(new DecompressionStream("gzip"));
      asked.push(await new Response(body).json());
      return holes === null
        ? new Response(null, { status: 405 })
        : Response.json(Object.fromEntries(
          Object.entries(holes).map(([name, severity], id) => [name, [{
            ...{ id, severity, title: "A hole", url: "https://github.com/advisories/GHSA-0" },
            ...{ vulnerable_versions: "<=99.0.0", cwe: [], cvss: { score: 5 } },
          }]]),
        ));
    },
  );
  return {
    asked,
    url: `http://127.0.0.1:${server.addr.port}/`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** What `.ci/run` does, with this registry. */
async function audit(registry: string) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "audit"],
    cwd: ROOT,
    env: { npm_config_registry: registry, npm_config_fetch_retries: "0" },
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("a hole in one of the program's packages is found, unless it is a small one", async () => {
  const packages = Object.keys(programLock().npm).map(parseSpecifier);
  for (
    const [severity, code] of [["low", 0], ["moderate", 1], ["high", 1], ["critical", 1]] as const
  ) {
    await using registry = startRegistry({ "bintrees": severity });
    const audited = await audit(registry.url);
    assertEquals(audited.code, code, audited.stderr);
    const line = `bintrees <=99.0.0: ${severity}: A hole, https://github.com/advisories/GHSA-0\n`;
    assertEquals(audited.stdout, `${line}${packages.length} packages, 1 known holes\n`);
    const everyOne = packages.map(({ name, version }): [string, string[]] => [name, [version]]);
    assertEquals(registry.asked, [Object.fromEntries(everyOne)]);
  }
  await using registry = startRegistry({});
  assertEquals((await audit(registry.url)).code, 0);
});

Deno.test("a registry that cannot be asked about holes is told from one that knows of none", async () => {
  await using registry = startRegistry(null);
  const refused = await audit(registry.url);
  assertEquals({ code: refused.code, stdout: refused.stdout }, { code: 75, stdout: "" });
  assertMatch(refused.stderr, /^not audited: 405 Method Not Allowed.*\n$/);

  const unreachable = await audit("http://127.0.0.1:9/");
  assertEquals(unreachable.code, 75);
  assertMatch(unreachable.stderr, /^not audited: .*ECONNREFUSED.*\n$/);
});
