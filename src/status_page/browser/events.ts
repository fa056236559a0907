import { isStale, isStreaming, setEvents, showConnection } from "./connection_state.ts";
import {
  IDLE_REFRESH_MS,
  NAVIGATION_TIMEOUT_MS,
  pause,
  retryDelayMs,
  SILENCE_MS,
} from "./delays.ts";
import { refresh, refreshSoon } from "./refresh.ts";

/** The probe, or a proxy before it, responds but sends no events. */
class NoEvents extends Error {}

/** Follows the probe's events for as long as the page is open, and refreshes the page. */
export async function followEvents(): Promise<never> {
  for (let wasPolling = false;;) {
    const isRefused = await readEvents().then(() => false, (error) => error instanceof NoEvents);
    if (isStreaming() && !isRefused) {
      setEvents("lost");
      showConnection();
    }
    // A probe that refuses one more reader still serves the page; a proxy may hold events back, and a
    // browser may block them. Later refreshes come because the page is idle.
    if (!wasPolling) await refresh(NAVIGATION_TIMEOUT_MS);
    const isPolling = isRefused || !isStale();
    setEvents(isPolling ? "polling" : "lost");
    showConnection();
    await pause(isRefused || isPolling && wasPolling ? IDLE_REFRESH_MS : retryDelayMs());
    wasPolling = isPolling;
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
