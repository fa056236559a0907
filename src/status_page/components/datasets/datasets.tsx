import type { StatusView } from "../../view.ts";
import { href } from "../../links.ts";
import { countText } from "../../words.ts";
import { type Html, part, type Parts, partsOf } from "../../parts.ts";
import { shortId } from "../parts.tsx";
import { DatasetPanel } from "./panel.tsx";
import { Search } from "./search.tsx";
import { Source } from "./source.tsx";
import { datasetRows, DatasetTable, type Headings, headingsOf, StripKeys } from "./table.tsx";

/** Lists that fit on a screen need no search. */
const MIN_SEARCHED = 9;

/** The dataset of the query, the only one, or one result page of datasets. */
export function* datasetParts(view: StatusView): Parts<Html> {
  const { datasets, datasetIds, query } = view;
  const isOne = datasetIds.length === 1 || query.datasetId !== undefined;
  const [only] = datasets;
  if (query.datasetId !== undefined && !only) return yield* part(<Unknown view={view} />);
  if (isOne && only) return yield* part(<DatasetPanel dataset={only} view={view} />);
  const headings = headingsOf(view);
  const rows = yield* partsOf(datasetRows(view, headings));
  return yield* part(<DatasetList view={view} headings={headings} rows={rows} />);
}

function Unknown({ view: { query } }: { view: StatusView }) {
  return (
    <section aria-labelledby="datasets">
      <h2 id="datasets">Datasets</h2>
      <p>
        {shortId(query.datasetId ?? "")} is not a dataset of this probe.{" "}
        <a href={href(query, { datasetId: undefined })}>Show all datasets</a>
      </p>
    </section>
  );
}

function DatasetList(
  { view, headings, rows }: { view: StatusView; headings: Headings; rows: readonly Html[] },
) {
  const { datasets, datasetIds, query, matches } = view;
  return (
    <section id="datasets" aria-labelledby="datasets-heading">
      <div class="heading">
        <h2 id="datasets-heading">
          Datasets{" "}
          <small>
            {query.q === undefined
              ? countText(datasetIds.length)
              : `${countText(matches)} of ${countText(datasetIds.length)} match`}
          </small>
        </h2>
        {(datasetIds.length >= MIN_SEARCHED || query.q !== undefined) && <Search query={query} />}
      </div>
      {datasets.length === 0
        ? <p>No dataset has “{shortId(query.q ?? "")}” in its ID.</p>
        : <DatasetTable headings={headings} rows={rows} />}
      <div class="under">
        <Pager view={view} />
        <StripKeys />
        <Source view={view} />
      </div>
    </section>
  );
}

function Pager({ view: { pages, query, hidden } }: { view: StatusView }) {
  if (pages <= 1 && hidden === 0) return null;
  const { page } = query;
  const to = (page: number) => `${href(query, { page })}#datasets`;
  return (
    <nav class="pager" aria-label="Result pages of datasets">
      {page > 1 && <a href={to(page - 1)} rel="prev">← Previous</a>}
      <span>
        Page {page} of {pages}, the most urgent datasets first
        {hidden > 0 && (
          <>
            {`; ${hidden} more `}
            <a href={`${href(query, { task: undefined })}#datasets`}>without the task's details</a>
          </>
        )}
      </span>
      {page < pages && <a href={to(page + 1)} rel="next">Next →</a>}
    </nav>
  );
}
