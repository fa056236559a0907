import { setEvents, showConnection } from "./connection_state.ts";
import { IDLE_REFRESH_MS, pause, retryDelayMs, SILENCE_MS } from "./delays.ts";
import { refresh, refreshSoon } from "./refresh.ts";

/** The probe, or a proxy before it, responds but sends no events. */
class NoEvents extends Error {}

/** Follows the probe's events for as long as the page is open, and refreshes the page. */
export async function followEvents(): Promise<never> {
  for (let isPolling = false;;) {
    const wasPolling = isPolling;
    isPolling = false;
    try {
      await readEvents();
    } catch (error) {
      // A probe that refuses one more reader of its events still serves the page.
      isPolling = error instanceof NoEvents;
    }
    setEvents(isPolling ? "polling" : "lost");
    // Later refreshes come because the page is idle: two causes would make two requests at a time.
    if (isPolling && !wasPolling) void refresh();
    else showConnection();
    await pause(isPolling ? IDLE_REFRESH_MS : retryDelayMs());
  }
}

/**
 * Reads events until the connection ends or is silent for too long. An `EventSource` would give up
 * at a response other than 200, and would not notice a connection that has gone silent.
 */
async function readEvents(): Promise<void> {
  const silence = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const restartTimer = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), SILENCE_MS);
  };
  try {
    restartTimer();
    const response = await fetch("events", { cache: "no-store", signal: silence.signal });
    if (!response.ok || !response.body) throw new NoEvents();
    let text = "";
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      restartTimer();
      const events = (text + part.value).split("\n\n");
      text = events.pop() ?? "";
      for (const event of events) handleEvent(event);
    }
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}

function handleEvent(event: string): void {
  if (/^event: settled$/m.test(event)) return void refreshSoon();
  if (!/^event: hello$/m.test(event)) return;
  // Perhaps another process than before, with other tasks.
  setEvents("streaming");
  void refresh();
}
