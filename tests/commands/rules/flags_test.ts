import { assertEquals } from "@std/assert";
import { parseCommandLine } from "../../../src/commands/command_line.ts";

Deno.test("the flags of rules become its options", () => {
  const args = "rules --severity-page critical --severity-ticket=warning --job team/probes".split(
    " ",
  );
  const { command, problems } = parseCommandLine([
    ...args,
    ...["--runbook-url", "https://wiki.example/probe#{alert}"],
    ...["--label", "team=data", "--label= cost_centre = 42 = 6 × 7 "],
  ]);
  assertEquals(problems, []);
  assertEquals(command, {
    name: "rules",
    options: {
      job: "team/probes",
      severities: { page: "critical", ticket: "warning" },
      labels: { team: "data", cost_centre: "42 = 6 × 7" },
      links: { runbookUrl: "https://wiki.example/probe#{alert}" },
    },
  });
});

const KEY = "KEY=VALUE, with a key of letters, digits and _ that begins with no digit and no __";
const URL_EXPECTED =
  "an http:// or https:// URL without user, blanks and control characters, with # only where " +
  "{alert} stands for the alert's name";
const NAME = "1 to 100 letters, digits or any of _ . : / -";

for (
  const [args, expected, got] of [
    [["--job", 'a"b'], NAME, String.raw`"a\"b"`],
    [["--job="], NAME, '""'],
    [["--severity-page", "{{ x }}"], NAME, '"{{ x }}"'],
    [["--severity-ticket", "a".repeat(101)], NAME, `"${"a".repeat(79)}…"`],
    [["--label", "team"], KEY, '"team"'],
    [["--label", "team="], KEY, '"team="'],
    [["--label", "=x"], KEY, '"=x"'],
    [["--label", "1a=x"], KEY, '"1a=x"'],
    [["--label", "__a=x"], KEY, '"__a=x"'],
    [["--label", "a-b=x"], KEY, '"a-b=x"'],
    [["--label"], KEY, '""'],
    [["--runbook-url", "wiki"], URL_EXPECTED, '"wiki"'],
    [["--runbook-url", "ftp://wiki"], URL_EXPECTED, '"ftp://wiki"'],
    [["--runbook-url", "https://wiki/{name}"], URL_EXPECTED, '"https://wiki/{name}"'],
    [["--runbook-url", "https://wiki/x#top"], URL_EXPECTED, '"https://wiki/x#top"'],
    [["--runbook-url", "https://wiki/\0#{alert}"], URL_EXPECTED, '"https://wiki/\\u0000#{alert}"'],
    [["--label", "a=1", "--label", "a=2"], "each name once", '"a=2"'],
    [
      ["--label", "severity=x"],
      "a key that alerts do not have already, so none of alertname, dataset_id, environment, " +
      "host, instance, job, location, severity",
      '"severity=x"',
    ],
    [
      ["--label", "a={{ $value }}"],
      "a value of plain text, without {{ and control characters",
      '"a={{ $value }}"',
    ],
  ] as const
) {
  const [flag = ""] = args[0].split("=");
  Deno.test(`rules ${args.join(" ").slice(0, 40)} is refused`, () => {
    const { problems } = parseCommandLine(["rules", ...args]);
    assertEquals(problems, [`${flag}: expected ${expected}, got ${got}`]);
  });
}

Deno.test("the flags of rules belong to no other command", () => {
  const { problems } = parseCommandLine(["dashboard", "--job", "a", "--label", "a=b"]);
  assertEquals(problems, ["--job: only together with rules", "--label: only together with rules"]);
});
