/** Seconds with three digits that matter, for people. */
export function formatSeconds(seconds: number | undefined): string {
  if (seconds === undefined) return "";
  return `${seconds.toFixed(seconds < 100 ? 3 : 1)} s`;
}

/** The wall clock's offset from UTC at a moment, as `+01:00`. */
export function offsetOf(ms: number, utc: boolean): string {
  const minutes = utc ? 0 : -new Date(ms).getTimezoneOffset();
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  return `${minutes < 0 ? "-" : "+"}${two(Math.abs(minutes) / 60)}:${two(Math.abs(minutes) % 60)}`;
}

/** A date and time to the second, as `2026-11-23 22:01:05`. */
export function formatDateTime(ms: number, utc: boolean): string {
  const localMs = utc ? ms : ms - new Date(ms).getTimezoneOffset() * 60_000;
  return new Date(localMs).toISOString().slice(0, 19).replace("T", " ");
}
