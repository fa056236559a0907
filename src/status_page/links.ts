import type { StatusQuery } from "./view.ts";

/**
 * A link to the page with this query and these changes. It has no path, since a proxy may serve the
 * page under another one.
 */
export function href(query: StatusQuery, changes: Partial<StatusQuery> = {}): string {
  const { state, datasetId, reason, before, after, task, q, range, page } = {
    ...query,
    ...changes,
  };
  const fields: [string, string | number | undefined][] = [
    ["state", state?.toLowerCase()],
    ["dataset_id", datasetId],
    ["reason", reason],
    ["before", before],
    ["after", after],
    ["task", task],
    ["q", q],
    ["range", range],
    ["page", page > 1 ? page : undefined],
  ];
  const given = fields.flatMap(([name, value]) => value === undefined ? [] : [[name, `${value}`]]);
  return `?${new URLSearchParams(given)}`;
}
