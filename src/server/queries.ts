import * as z from "zod/mini";
import { REASONS } from "../core/reasons.ts";
import { STATES } from "../core/task.ts";
import { RANGE_NAMES } from "../history/bars.ts";
import type { Query as TaskQuery } from "../probing/backlog.ts";
import type { StatusQuery as PageQuery } from "../status_page/view.ts";

/** Query parameters as Hono reads them: each with all its values. */
export type Parameters = Record<string, string[]>;

/** The query, or what is wrong with it in one line. */
export type ParsedQuery<Query> = { ok: true; query: Query } | { ok: false; problem: string };

const seqno = wholeNumber("a seqno, a whole number", 0, Number.MAX_SAFE_INTEGER);
const filters = {
  state: z.optional(z.pipe(
    z.string().check(z.toUpperCase()),
    z.enum(STATES, `one of ${STATES.join(", ").toLowerCase()}`),
  )),
  dataset_id: z.optional(z.string()),
  reason: z.optional(z.enum(REASONS, `one of ${REASONS.join(", ")}`)),
  before: z.optional(seqno),
  after: z.optional(seqno),
};
const taskQuery = z.strictObject({
  ...filters,
  limit: z.prefault(wholeNumber("a whole number from 1 to 1000", 1, 1000), "100"),
});
const statusQuery = z.strictObject({ dataset_id: filters.dataset_id });
const pageQuery = z.strictObject({
  ...filters,
  until: z.optional(z.pipe(
    wholeNumber("seconds since 1970, a whole number", 0, 1e11),
    z.transform((seconds) => seconds * 1e3),
  )),
  task: z.optional(seqno),
  q: z.optional(z.string().check(z.trim())),
  range: z.optional(z.enum(RANGE_NAMES, `one of ${RANGE_NAMES.join(", ")}`)),
  page: z.prefault(wholeNumber("a whole number, at least 1", 1, 1e6), "1"),
});

/** Parses the query of `/tasks`. */
export function parseTaskQuery(parameters: Parameters): ParsedQuery<TaskQuery> {
  return withDatasetId(parse(taskQuery, parameters));
}

/** Parses the query of `/status`. */
export function parseStatusQuery(parameters: Parameters): ParsedQuery<{ datasetId?: string }> {
  return withDatasetId(parse(statusQuery, parameters));
}

/** Parses the query of the status page; its form also sends the fields that were left empty. */
export function parsePageQuery(parameters: Parameters): ParsedQuery<PageQuery> {
  const filled = Object.entries(parameters).map(([name, values]) =>
    [name, values.filter((value) => value !== "")] as const
  );
  return withDatasetId(parse(pageQuery, Object.fromEntries(filled)));
}

function parse<Schema extends z.ZodMiniObject>(
  schema: Schema,
  parameters: Parameters,
): ParsedQuery<z.output<Schema>> {
  const single: [name: string, value: string][] = [];
  for (const [name, [value, ...others]] of Object.entries(parameters)) {
    if (others.length > 0) return { ok: false, problem: `${name}: expected a single value` };
    if (value !== undefined) single.push([name, value]);
  }
  const { success, data, error } = schema.safeParse(Object.fromEntries(single));
  return success
    ? { ok: true, query: data }
    : { ok: false, problem: describeIssues(error, Object.keys(schema.shape)) };
}

function describeIssues({ issues }: z.core.$ZodError, names: string[]): string {
  return issues.map((issue) =>
    issue.code === "unrecognized_keys"
      ? `${issue.keys.join(", ")}: unknown; expected ${names.join(", ")}`
      : `${issue.path.join(".")}: expected ${issue.message}`
  ).join("; ");
}

/** Names the filter as the program does: parameters are in snake case. */
function withDatasetId<Query extends { dataset_id?: string | undefined }>(
  parsed: ParsedQuery<Query>,
): ParsedQuery<Omit<Query, "dataset_id"> & { datasetId: string | undefined }> {
  if (!parsed.ok) return parsed;
  const { dataset_id: datasetId, ...query } = parsed.query;
  return { ok: true, query: { ...query, datasetId } };
}

function wholeNumber(expected: string, min: number, max: number) {
  const digits = z.string().check(z.regex(/^\d{1,16}$/, expected));
  return z.pipe(digits, z.transform(Number)).check(
    z.refine((value) => value >= min && value <= max, expected),
  );
}
