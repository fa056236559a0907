/** Random queries of /tasks and of the page, in process, over a backlog with tasks of every kind. */
import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { Backlog } from "../../src/probing/backlog.ts";
import type { Task } from "../../src/core/task.ts";
import { REASONS } from "../../src/core/reasons.ts";
import { at } from "../support/at.ts";
import { serverWith } from "../support/server.ts";
import { manyIds, play } from "../support/status.ts";
import { failed, pending, succeeded } from "../support/tasks.ts";
import { holds, HOSTILE, mostly, mutated, Outcomes } from "./runs.ts";
import { anyCharacter } from "../support/arbitraries.ts";

/** The items of a list over and over. */
function cycle<Item>(items: readonly Item[], nth: number): Item {
  return at(items, nth % items.length);
}

const IDS = manyIds(25);
const ROUNDS = 40;

/** The status of a probe of many datasets, with tasks of every state and reason. */
const status = play({
  datasetIds: IDS,
  rounds: ROUNDS,
  body: '</pre><script>alert("no")</script><x-body x-body="',
  reasonOf: (id, round) => (round + id.length) % 3 ? null : cycle(REASONS, round),
});
const backlog = new Backlog(1_000, () => {});
/** The tasks of the backlog, newest first. */
const tracked: Task[] = [];
for (let i = 0; i < 900; i++) {
  const { seqno: _, ...fields } = pending({ datasetId: cycle(IDS, i) });
  const task = backlog.open(fields);
  const settled = i % 2 ? succeeded(task) : failed(task, cycle(REASONS, i));
  if (i % 9 !== 0) backlog.settle(settled);
  tracked.unshift(i % 9 === 0 ? task : settled);
}
const server = serverWith({
  viewStatus: (query) => status(query),
  listTasks: (query) => backlog.page(query),
});

const RANGES = ["5m", "1h", "6h", "24h"];
const isWhole = (min: number, max: number) => (value: string) =>
  /^[0-9]{1,16}$/.test(value) && BigInt(value) >= min && BigInt(value) <= max;
const shared: Record<string, (value: string) => boolean> = {
  state: (value) => ["PENDING", "SUCCEEDED", "FAILED"].includes(value.toUpperCase()),
  dataset_id: () => true,
  reason: (value) => (REASONS as readonly string[]).includes(value),
  before: isWhole(0, Number.MAX_SAFE_INTEGER),
  after: isWhole(0, Number.MAX_SAFE_INTEGER),
};
/** The valid values of each parameter, written independently of the program. */
const VALID: Record<string, Record<string, (value: string) => boolean>> = {
  "/tasks": { ...shared, limit: isWhole(1, 1_000) },
  "/": {
    ...shared,
    until: isWhole(0, 1e11),
    task: isWhole(0, Number.MAX_SAFE_INTEGER),
    q: () => true,
    range: (value) => RANGES.includes(value),
    page: isWhole(1, 1e6),
  },
};
const NAMES = [...Object.keys({ ...VALID["/tasks"], ...VALID["/"] })];

/** Numbers at the limits and beyond them. */
const LIMITS = [
  ...["0", "1", "1000", "1001", "1000000", "1000001", "0001000"],
  ...["9007199254740991", "9007199254740992", "9999999999999999", "10000000000000000"],
];

const payload = fc.constantFrom(
  '<x-input x-input="1">',
  '" x-input="1',
  "' x-input='1",
  "</script><x-input>",
  "--><x-input>",
  "</title></style><x-input/>",
  "&lt;x-input&gt;&#60;x-input&#62;",
  "]]>{{x-input}}${x-input}",
);
const hostile = fc.oneof(
  fc.constantFrom(...HOSTILE),
  { weight: 2, arbitrary: payload },
  fc.string({ unit: anyCharacter }),
);
const valid = fc.oneof(
  fc.tuple(fc.constant("state"), fc.constantFrom("pending", "SUCCEEDED", "Failed")),
  fc.tuple(fc.constant("reason"), fc.constantFrom(...REASONS)),
  // Any text is a valid dataset ID, and a valid part of one.
  fc.tuple(fc.constantFrom("dataset_id", "q"), fc.oneof(fc.constantFrom(...IDS), hostile)),
  fc.tuple(fc.constant("range"), fc.constantFrom(...RANGES)),
  fc.tuple(
    fc.constantFrom("before", "after", "until", "task", "limit", "page"),
    fc.oneof(
      fc.nat({ max: 1_100 }).map(String),
      fc.maxSafeNat().map(String),
      fc.constantFrom(...LIMITS),
    ),
  ),
);
const invalid = fc.oneof(
  fc.tuple(
    fc.constantFrom(...NAMES),
    fc.oneof(hostile, fc.constantFrom("", "0", "-1", "1.0", "1e3")),
  ),
  fc.tuple(mutated(fc.constantFrom(...NAMES)), fc.constantFrom("failed", "7")),
  fc.tuple(
    fc.constantFrom(...NAMES),
    mutated(fc.constantFrom("failed", "dns", "100", cycle(IDS, 0))),
  ),
  fc.tuple(hostile, hostile),
);
const encode = fc.constantFrom<(text: string) => string>(
  (text) => encodeURIComponent(text.toWellFormed()),
  (text) => encodeURIComponent(text.toWellFormed()).replaceAll("%20", "+"),
  // As a person types it: the URL parser encodes the rest.
  (text) => text.replaceAll("#", "%23"),
);
const query = fc.tuple(
  fc.array(mostly(valid, invalid, 6), { maxLength: 4 }),
  encode,
).map(([pairs, encoded]) => pairs.map((pair) => pair.map(encoded).join("=")).join("&"));
const path = fc.tuple(fc.constantFrom("/tasks", "/tasks", "/tasks", "/"), query, fc.boolean());

Deno.test("queries get a well-formed response, or a 400 that names the parameter", async () => {
  const harmless = await namesInHarmlessPages();
  const outcomes = new Outcomes([
    ...["200 /tasks", "400 /tasks", "200 /", "400 /"],
    ...["tasks", "no tasks", "tasks for several conditions", "hostile page"],
  ]);
  await holds(
    fc.asyncProperty(path, async ([endpoint, text, minimal]) => {
      const url = new URL(`http://probe${endpoint}?${text}`);
      const response = await ask(url.href, minimal);
      const body = await response.text();
      const parameters = parametersOf(url, endpoint);
      assertEquals(
        response.status,
        parameters.every(({ valid }) => valid) ? 200 : 400,
        body.slice(0, 500),
      );
      outcomes.add(`${response.status} ${endpoint}`);
      if (response.status === 400) {
        const problem = endpoint === "/tasks" ? JSON.parse(body).error : body;
        // A name with invalid escapes is quoted as it was sent, not as it was decoded here.
        const isNamed = parameters.some(({ name, valid }) =>
          !valid && (name.includes("\ufffd") || problem.includes(name))
        );
        assert(isNamed && /expected/.test(problem), problem);
        const type = endpoint === "/tasks" ? "application/json" : "text/plain; charset=UTF-8";
        assertEquals(response.headers.get("content-type"), type);
        assertEquals(response.headers.get("x-content-type-options"), "nosniff");
      } else if (endpoint === "/tasks") {
        const { version, tasks } = JSON.parse(body);
        const seqnos = tasks.map(({ seqno }: { seqno: number }) => seqno);
        assertEquals([version, seqnos], [1, tasksFor(url.searchParams)]);
        outcomes.add(tasks.length > 0 ? "tasks" : "no tasks");
        if (parameters.length > 1 && tasks.length > 0) outcomes.add("tasks for several conditions");
      } else {
        const foreign = [...namesIn(body)].filter((name) => !harmless.has(name));
        assertEquals(foreign, [], "the page has elements or attributes of the query");
        const text = markupOf(body).replaceAll(TAG, "");
        assert(!INVISIBLE.test(text), JSON.stringify(text.match(INVISIBLE)));
        if (url.search.includes("x-input")) outcomes.add("hostile page");
      }
    }),
    { outcomes },
  );
});

function ask(url: string, minimal: boolean): Response | Promise<Response> {
  const prefer: Record<string, string> = minimal ? { prefer: "return=minimal" } : {};
  return server.request(url, { headers: { accept: "text/html", ...prefer } });
}

/** The parameters of a query, and whether each is valid. */
function parametersOf(url: URL, endpoint: string): { name: string; valid: boolean }[] {
  const pairs = [...url.searchParams].filter(([name, value]) =>
    name !== "" && (endpoint !== "/" || value !== "")
  );
  return pairs.map(([name, value]) => ({
    name,
    valid: pairs.filter(([other]) => other === name).length === 1 &&
      isValid(endpoint, name, value),
  }));
}

function isValid(endpoint: string, name: string, value: string): boolean {
  const checks = VALID[endpoint] ?? {};
  return Object.hasOwn(checks, name) && checks[name]?.(value) === true;
}

/** The numbers of the tasks that a valid query of /tasks selects, newest first. */
function tasksFor(query: URLSearchParams): number[] {
  const given = Object.fromEntries(query);
  const { state, dataset_id: datasetId, reason, before = Infinity, after = -1, limit = 100 } =
    given;
  return tracked.filter((task) =>
    (state === undefined || task.state === state.toUpperCase()) &&
    (datasetId === undefined || task.datasetId === datasetId) &&
    (reason === undefined || (task.state === "FAILED" && task.reason === reason)) &&
    task.seqno < Number(before) && task.seqno > Number(after)
  ).map(({ seqno }) => seqno).slice(0, Number(limit));
}

/** Every element and attribute that pages have for harmless queries. */
async function namesInHarmlessPages(): Promise<Set<string>> {
  const names = new Set<string>();
  const queries = [
    "",
    "state=pending",
    "state=succeeded",
    "before=1",
    "page=2",
    "before=500",
    "after=7",
  ];
  queries.push(
    `dataset_id=${cycle(IDS, 0)}`,
    "dataset_id=nobody",
    "q=skol",
    "q=nobody&range=1h",
    "task=999999",
    "before=900&page=2",
  );
  queries.push(...REASONS.map((reason) => `reason=${reason}`), "state=failed&page=2&task=7");
  queries.push(...Array.from({ length: 60 }, (_, i) => `task=${IDS.length * ROUNDS + 1 - i}`));
  for (const text of queries) {
    for (const minimal of [true, false]) {
      const page = await (await ask(`http://probe/?${text}`, minimal)).text();
      for (const name of namesIn(page)) names.add(name);
    }
  }
  return names;
}

const VOID = new Set("area base br col hr img input link meta source track wbr".split(" "));
const TAG =
  /<(\/?)([a-z][a-z0-9-]*)((?:\s+[a-zA-Z][a-zA-Z:-]*(?:=(?:"[^"<>]*"|[\w:.-]+))?)*)\s*(\/?)>/g;
/** Elements that end where their parent ends, or with the next of their kind. */
const SELF_ENDING = ["td", "th", "tr", "option"];

const ATTRIBUTE = /\s([a-zA-Z][a-zA-Z:-]*)(?:=(?:"[^"]*"|[\w:.-]+))?/g;

/** Characters that would move, hide or forge text on a page. */
const INVISIBLE = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** A page without the content of its style and script. */
function markupOf(page: string): string {
  return page.replace(/^<!doctype html>/i, "")
    .replace(/<(style|script)>[^]*?<\/\1>/g, "<$1></$1>");
}

/** The names of elements and attributes of a page; throws when its tags are not balanced. */
function namesIn(page: string): Set<string> {
  const names = new Set<string>();
  const open: string[] = [];
  const text = markupOf(page).replace(TAG, (_, close, name, attributes, closed) => {
    names.add(name);
    if (close) {
      while (SELF_ENDING.includes(open.at(-1) ?? "")) open.pop();
      assertEquals(open.pop(), name);
    } else if (!closed && !VOID.has(name)) open.push(name);
    for (const [, attribute] of attributes.matchAll(ATTRIBUTE)) {
      names.add(` ${attribute}`);
    }
    return "";
  });
  assertEquals(open, []);
  assertEquals(text.match(/.{0,40}[<>].{0,40}/)?.[0], undefined);
  return names;
}
