/** A duration for people: in the unit that suits it, with the digits that matter. */
export function formatDuration(seconds: number): string {
  const ms = seconds * 1e3;
  if (ms < 0.05) return "0 ms";
  if (ms < 9.95) return `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${ms.toFixed(0)} ms`;
  if (seconds < 9.995) return `${seconds.toFixed(2)} s`;
  return `${seconds.toFixed(seconds < 99.95 ? 1 : 0)} s`;
}

/** A duration in seconds, for lines that are compared with each other: a log, a check. */
export function formatSeconds(seconds: number): string {
  return `${seconds.toFixed(seconds < 100 ? 3 : 1)} s`;
}

/** The offset from UTC at a wall-clock time, as `+01:00`. */
export function formatOffset(ms: number, utc: boolean): string {
  const minutes = utc ? 0 : -new Date(ms).getTimezoneOffset();
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  return `${minutes < 0 ? "-" : "+"}${two(Math.abs(minutes) / 60)}:${two(Math.abs(minutes) % 60)}`;
}

/** A date and time to the second, as `2026-11-23 22:01:05`. */
export function formatDateTime(ms: number, utc: boolean): string {
  const localMs = utc ? ms : ms - new Date(ms).getTimezoneOffset() * 60_000;
  return new Date(localMs).toISOString().slice(0, 19).replace("T", " ");
}
