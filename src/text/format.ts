/** A duration for people: in the unit that suits it, with the digits that matter. */
export function formatDuration(seconds: number): string {
  const ms = seconds * 1e3;
  if (ms < 0.05) return "0 ms";
  if (ms < 9.95) return `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${ms.toFixed(0)} ms`;
  if (seconds < 9.995) return `${seconds.toFixed(2)} s`;
  return `${seconds.toFixed(seconds < 99.95 ? 1 : 0)} s`;
}

/** How long something has lasted, in its two largest units, as `3 d 4 h`; one that is 0 is left out. */
export function formatSpan(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return joinUnits(`${minutes} min`, whole % 60, "s");
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return joinUnits(`${hours} h`, minutes % 60, "min");
  return joinUnits(`${Math.floor(hours / 24)} d`, hours % 24, "h");
}

function joinUnits(large: string, small: number, unit: string): string {
  return small > 0 ? `${large} ${small} ${unit}` : large;
}

/**
 * A share in percent, rounded down, with more digits near 100 %: `100 %` means that not one was
 * different. `whole` is larger than 0.
 */
export function formatShare(part: number, whole: number): string {
  const percent = part / whole * 100;
  const factor = percent >= 99.9 ? 100 : percent >= 90 ? 10 : 1;
  const rounded = part < whole ? Math.floor(part * 100 * factor / whole) / factor : 100;
  return `${rounded} %`;
}

/** A duration in seconds, for lines that are compared with each other: a log, a check. */
export function formatSeconds(seconds: number): string {
  return `${seconds.toFixed(seconds < 100 ? 3 : 1)} s`;
}

/** The link to a trace, from a template with `{trace_id}`. */
export function formatTraceUrl(template: string, traceId: string): string {
  return template.replaceAll("{trace_id}", traceId);
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
