import { readAccess } from "./access.ts";
import type { TasksCommand } from "./cli.ts";
import type { Config } from "./config.ts";
import { EXIT } from "./exit_code.ts";
import type { Ground } from "./ground.ts";
import { type Listing, listingOf, type ListingQuery, newestTasks, PAGE } from "./listing.ts";
import { ownRemote, remoteAt } from "./remote.ts";
import { jsonText } from "./report.ts";
import type { Screen } from "./screen.ts";
import {
  headingOf,
  NONE_FITS,
  olderLine,
  renderTable,
  type TableOptions,
  tallyOf,
} from "./table.ts";
import { STATES } from "./task.ts";
import { watchOnScreen, watchPlainly } from "./watch.ts";

const DEFAULT_ROWS = 20;

/** How many tasks a watch reads at most, to find so many that have settled as it has columns. */
const MOST_FOR_DURATIONS = 3 * PAGE;

/**
 * Shows the tasks of a probe that is running, once or for as long as somebody watches; returns the
 * exit code. `screen` is null where standard output is no terminal. Throws a `RemoteError`.
 */
export async function showTasks(
  command: TasksCommand,
  { utc }: { utc: boolean },
  config: Pick<Config, "host" | "port" | "tls" | "bearerAuth" | "basicAuth">,
  ground: Ground,
  screen: Screen | null,
  signal: AbortSignal,
): Promise<number> {
  const { stdout, clock, terminal } = ground;
  const { json, state, datasetId } = command;
  const access = await readAccess(config, ground.readFile);
  const remote = command.url
    ? remoteAt(command.url, access)
    : await ownRemote(config, access, ground.readFile);
  const rows = command.rows ?? DEFAULT_ROWS;
  const filter = filterOf(command);

  const newest = (query: ListingQuery, most: number) =>
    newestTasks(remote, query, most, ground, signal);
  const look = async () => listingOf(await newest(command, rows), command);

  if (json) {
    stdout.write(jsonText(await newest(command, rows)));
    return EXIT.ok;
  }
  if (!command.watch) {
    const listing = await look();
    const lines = linesOf(listing, filter, clock.now(), { ...terminal(), utc });
    stdout.write([...lines, ""].join("\n"));
    return EXIT.ok;
  }
  if (!screen) {
    const table = (listing: Listing, nowMs: number) =>
      linesOf(listing, filter, nowMs, { ...terminal(), utc });
    return await watchPlainly({ look, table }, ground, signal);
  }
  const shown = { url: remote.url.href.replace(/\/$/, ""), filter, utc, mostRows: command.rows };
  // Pending tasks have no duration yet and are read besides: as many as the last look has seen.
  let pending = MOST_FOR_DURATIONS;
  return await watchOnScreen(
    {
      ...shown,
      async look(wanted) {
        const most = Math.min(wanted.durations + pending, MOST_FOR_DURATIONS);
        // Tasks of one state do not show how the durations are.
        const recent = listingOf(
          await newest({ datasetId }, state ? most : Math.max(wanted.rows, most)),
          { datasetId },
        );
        pending = recent.rows.filter((row) => row.state === "PENDING").length;
        const listing = state ? listingOf(await newest(command, wanted.rows), command) : recent;
        return { listing, recent: recent.rows };
      },
    },
    ground,
    screen,
    signal,
  );
}

/** A listing as a table with what is shown over it. */
function linesOf(listing: Listing, filter: string, nowMs: number, options: TableOptions) {
  const { rows, older, severalDatasets, tracked } = listing;
  const more = rows.length === 0 && older === 0 && filter ? NONE_FITS : olderLine(older);
  const tally = tracked ? tallyOf(tracked) : tallyOfShown(listing);
  return [
    ...headingOf(nowMs, tally + filter, options),
    ...renderTable(rows, { severalDatasets, nowMs, more }, options),
  ];
}

/** The tally of what is shown, where a probe tells no other. */
function tallyOfShown({ rows }: Listing): string {
  const counts = STATES.map((state) =>
    `${rows.filter((row) => row.state === state).length} ${state.toLowerCase()}`
  );
  return `${rows.length} shown: ${counts.join(", ")}`;
}

function filterOf({ state, datasetId }: ListingQuery): string {
  const parts = [state?.toLowerCase(), datasetId && `dataset ${datasetId}`].filter(Boolean);
  return parts.length === 0 ? "" : ` (shown: ${parts.join(", ")})`;
}
