import { REASONS } from "../../core/reasons.ts";
import { STATES } from "../../core/task.ts";
import { href } from "../links.ts";
import type { StatusView } from "../view.ts";
import { Kept } from "./datasets/search.tsx";

/** Longer lists of dataset IDs, in characters, would make the page too large: the ID is typed. */
const MAX_LIST_LENGTH = 1_000;

/** A plain form, which works without the script; the script only submits it at each change. */
export function Filters({ view }: { view: StatusView }) {
  const { query, datasetIds } = view;
  const { state, datasetId, reason, before, after } = query;
  const isFiltered = [state, datasetId, reason, before, after].some((value) => value !== undefined);
  return (
    <form
      method="get"
      action="#tasks"
      id="filters"
      role="search"
      aria-label="Filter the tasks"
      autocomplete="off"
    >
      <Choice label="State" name="state" chosen={state?.toLowerCase()} values={lowerStates} />
      {datasetIds.length > 1 && (
        <Choice
          label="Dataset"
          name="dataset_id"
          chosen={datasetId}
          values={datasetIds.join().length <= MAX_LIST_LENGTH ? datasetIds : undefined}
        />
      )}
      <Choice label="Reason" name="reason" chosen={reason} values={REASONS} />
      <Kept name="q" value={query.q} />
      <Kept name="range" value={query.range} />
      <Kept name="page" value={query.page > 1 ? String(query.page) : undefined} />
      <button type="submit">Show</button>
      {isFiltered && (
        <a href={`${href({ page: query.page, q: query.q, range: query.range })}#tasks`}>Show all</a>
      )}
    </form>
  );
}

const lowerStates = STATES.map((state) => state.toLowerCase());

/** A field with a list of values, or one to type into where `values` is not given. */
function Choice(
  { label, name, chosen, values }: {
    label: string;
    name: string;
    chosen?: string;
    values?: readonly string[];
  },
) {
  return (
    <span>
      <label for={name}>{label}</label> {values
        ? (
          <select id={name} name={name}>
            <option value="">any</option>
            {values.map((value) => <option selected={value === chosen}>{value}</option>)}
          </select>
        )
        : <input id={name} name={name} value={chosen} autocomplete="off" spellcheck={false} />}
    </span>
  );
}
