import { href } from "../../links.ts";
import type { StatusQuery } from "../../view.ts";

/** A plain form that finds datasets by a part of their IDs; it keeps what else is chosen. */
export function Search({ query }: { query: StatusQuery }) {
  const { q, state, reason, range } = query;
  return (
    <form method="get" action="#datasets" id="search" role="search" aria-label="Find datasets">
      <label for="q">Find</label>{" "}
      <input
        id="q"
        name="q"
        type="search"
        value={q}
        placeholder="part of an ID"
        autocomplete="off"
        spellcheck={false}
      />
      <Kept name="state" value={state?.toLowerCase()} />
      <Kept name="reason" value={reason} />
      <Kept name="range" value={range} />
      <button type="submit">Find</button>
      {q !== undefined && (
        <a href={`${href(query, { q: undefined, page: 1 })}#datasets`}>Show all</a>
      )}
    </form>
  );
}

/** A field of the query that a form does not change. */
export function Kept({ name, value }: { name: string; value?: string }) {
  return value === undefined ? null : <input type="hidden" name={name} value={value} />;
}
