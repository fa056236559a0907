import { find } from "./dom.ts";

/** Converts the times of the page, which are in UTC, to the reader's zone. */
export function localizeTimes(page: ParentNode): void {
  const today = formatDate(new Date(Number(find("main", page).dataset.now)));
  for (const time of page.querySelectorAll("time")) {
    const date = new Date(time.dateTime);
    const fraction = time.textContent?.match(/\.\d+$/)?.[0] ?? "";
    const text = formatTime(date) + fraction;
    const dateAndTime = `${formatDate(date)} ${text}`;
    time.title = `${dateAndTime} ${formatOffset(date)}`;
    time.textContent = formatDate(date) === today ? text : dateAndTime;
  }
  // The sentence of a strip is an attribute to a reader, and has no element for the time in it.
  for (const title of page.querySelectorAll(".strip title")) {
    title.textContent = localText(title.textContent ?? "");
  }
  for (const zone of page.querySelectorAll(".zone")) zone.textContent = formatOffset(new Date());
}

/** The time of day in the reader's zone, as `22:01:05`. */
export function formatTime(date: Date, withSeconds = true): string {
  const parts = [date.getHours(), date.getMinutes()];
  if (withSeconds) parts.push(date.getSeconds());
  return parts.map(twoDigits).join(":");
}

/** A text with times of the last day in UTC, as `22:01` or `22:01:05`, in the reader's zone. */
function localText(text: string): string {
  const nowMs = Date.now();
  return text.replace(/(\d\d):(\d\d)(?::(\d\d))?/g, (_, hours, minutes, seconds) => {
    const date = new Date(nowMs);
    date.setUTCHours(Number(hours), Number(minutes), Number(seconds ?? 0));
    if (date.getTime() > nowMs) date.setUTCDate(date.getUTCDate() - 1);
    return formatTime(date, seconds !== undefined);
  }).replace(" UTC", ` ${formatOffset(new Date(nowMs))}`);
}

function formatDate(date: Date): string {
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()].map(twoDigits).join("-");
}

/** The offset of the reader's zone, as `+01:00`. */
function formatOffset(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const size = Math.abs(minutes);
  const offset = [Math.floor(size / 60), size % 60].map(twoDigits).join(":");
  return minutes === 0 ? "UTC" : `${minutes < 0 ? "−" : "+"}${offset}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}
