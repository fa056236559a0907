import { IDLE_REFRESH_MS } from "./delays.ts";
import { find, root } from "./dom.ts";
import { formatTime } from "./times.ts";

/**
 * How the page learns of changes: `streaming` events; `polling` where the probe, or a proxy before
 * it, responds but sends no events; `lost` where nothing responds.
 */
export type EventsState = "unknown" | "streaming" | "polling" | "lost";

let events: EventsState = "unknown";
/** Whether the last refresh succeeded. */
let isRefreshed = true;
/** The title that the server gave the page, without the mark of a lost connection. */
let pageTitle = document.title;

const status = find("#live");

/** Records how the page learns of changes; `showConnection` shows it. */
export function setEvents(state: EventsState): void {
  events = state;
}

/** Records whether the last refresh succeeded; `showConnection` shows it. */
export function setRefreshed(succeeded: boolean): void {
  isRefreshed = succeeded;
}

/** Records the title of the page that is shown. */
export function setTitle(title: string): void {
  pageTitle = title;
}

/** Whether the last refresh failed, so that the page shows an earlier state. */
export function isStale(): boolean {
  return !isRefreshed;
}

/** Whether events have come through on the present connection. */
export function isStreaming(): boolean {
  return events === "streaming";
}

/** Whether the probe responds. */
export function isConnected(): boolean {
  return events === "streaming" || events === "polling";
}

/** Shows the state of the connection in the header, the title, and the colours of the page. */
export function showConnection(): void {
  const isLost = events === "lost" || !isRefreshed;
  const isNew = isLost && !root.classList.contains("lost");
  root.classList.toggle("lost", isLost);
  root.classList.toggle("live", !isLost && events !== "unknown");
  document.title = isLost ? `? LOST · ${pageTitle}` : pageTitle;
  if (isNew) announce(`Connection lost at ${formatTime(new Date())}, retrying …`);
  else if (!isLost && events === "streaming") announce("Live");
  else if (!isLost && events === "polling") {
    announce(`Live, updated every ${IDLE_REFRESH_MS / 1e3} s`);
  }
}

/** Writes only a changed text, since a screen reader reads each write aloud. */
function announce(text: string): void {
  if (status.textContent !== text) status.textContent = text;
}
