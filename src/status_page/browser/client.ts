/**
 * What the page does in the browser: it follows the probe, turns times into the reader's zone, and
 * draws the chart. Without it the page is complete but for these.
 *
 * The page is made by the server alone: whatever changes, the script asks for the page anew and
 * changes the document into that.
 */
import uPlot from "npm:uplot@1.6.32";
import { REASONS } from "../../core/reasons.ts";
import { morph } from "./morph.ts";
import { durationText } from "../words.ts";

/** After news the page is asked for at most this often, however much happens. */
const REFRESH_MS = 1_000;
/** … and never more than this share of the time, so that a busy probe is left in peace. */
const MAX_BUSY_SHARE = 0.1;
/**
 * Without news it is asked for this often: a schedule that has stopped sends none. A tab that nobody
 * sees is spared more, but its title and its icon must not say for long what is not so.
 */
const IDLE_REFRESH_MS = 15_000;
/** The probe says something at least every 10 s. */
const SILENCE_MS = 25_000;
/** What a reader waits for who has asked for something. */
const PATIENCE_MS = 5_000;
/** Half as much more or less, lest all who have lost the probe come back at once. */
const RETRY_MS = 2_000;

const root = document.documentElement;
const version = document.body.dataset.version;
const live = find("#live");
const news = find("#news");

function find<E extends HTMLElement>(selector: string, within: ParentNode = document): E {
  const found = within.querySelector<E>(selector);
  if (!found) throw new Error(`the page has no ${selector}`);
  return found;
}

// ------------------------------------------------------------------------------------- the page

/** How often the page was asked for, so that an answer that is overtaken by another is not shown. */
let asked = 0;
let busyUntilMs = 0;
let shownMs = 0;

/** The probe is there, and says that it has no such page. */
class NoSuchPage extends Error {}

/** Asks for the page at the present address and changes the document into it; says if that fails. */
async function show(timeoutMs = SILENCE_MS): Promise<void> {
  const turn = ++asked;
  const startMs = performance.now();
  try {
    const page = await fetchPage(timeoutMs);
    const endMs = performance.now();
    busyUntilMs = endMs + Math.max(REFRESH_MS, (endMs - startMs) / MAX_BUSY_SHARE);
    if (turn !== asked) return;
    // Another version may have another script.
    if (page.body.dataset.version !== version) return location.reload();
    become(page);
    shownMs = endMs;
    isShown = true;
  } catch (error) {
    busyUntilMs = performance.now() + retryMs();
    const isOld = turn !== asked;
    // Whoever asked later may wait as long: the first to give up says so, unless there was an answer.
    if (isOld && (error instanceof NoSuchPage || shownMs > startMs)) return;
    if (error instanceof NoSuchPage) throw error;
    isShown = false;
  }
  sayHowItStands();
}

async function fetchPage(timeoutMs: number): Promise<Document> {
  const answer = await fetch(location.href, {
    // Script and style are here already.
    headers: { accept: "text/html", prefer: "return=minimal" },
    cache: "no-store",
    signal: AbortSignal.timeout(timeoutMs),
  });
  if (answer.status >= 400 && answer.status < 500) throw new NoSuchPage();
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

function become(page: Document): void {
  localise(page);
  const before = find("h1").textContent;
  // The chart is the script's own.
  morph(find("main"), find("main", page), ({ id }) => id === "chart");
  title = page.title;
  find<HTMLLinkElement>("link[rel=icon]", document.head).href =
    find<HTMLLinkElement>("link[rel=icon]", page.head).href;
  const after = find("h1").textContent;
  if (after !== before) news.textContent = `${after} ${find(".said p").textContent}`;
  draw();
}

// ------------------------------------------------------------------------------------- times

/** Turns the times of the page, which are in UTC, into the reader's zone. */
function localise(page: ParentNode): void {
  const today = dateOf(new Date(Number(find("main", page).dataset.now)));
  for (const time of page.querySelectorAll("time")) {
    const moment = new Date(time.dateTime);
    const fraction = time.textContent?.match(/\.\d+$/)?.[0] ?? "";
    const text = timeOf(moment) + fraction;
    const whole = `${dateOf(moment)} ${text}`;
    time.title = `${whole} ${offsetOf(moment)}`;
    time.textContent = dateOf(moment) === today ? text : whole;
  }
  for (const zone of page.querySelectorAll(".zone")) zone.textContent = offsetOf(new Date());
}

function dateOf(moment: Date): string {
  return [moment.getFullYear(), moment.getMonth() + 1, moment.getDate()].map(twoDigits).join("-");
}

function timeOf(moment: Date, seconds = true): string {
  const parts = [moment.getHours(), moment.getMinutes(), ...seconds ? [moment.getSeconds()] : []];
  return parts.map(twoDigits).join(":");
}

function offsetOf(moment: Date): string {
  const minutes = -moment.getTimezoneOffset();
  const size = Math.abs(minutes);
  const offset = [Math.floor(size / 60), size % 60].map(twoDigits).join(":");
  return minutes === 0 ? "UTC" : `${minutes < 0 ? "−" : "+"}${offset}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}

// ------------------------------------------------------------------------------------- the probe

/** What the page hears of the probe: its news; or nothing but what it asks for; or nothing. */
let heard: "not yet" | "news" | "answers" | "nothing" = "not yet";
/** Whether the page was had when it was last asked for. */
let isShown = true;
/** The page's title, but for what the script adds. */
let title = document.title;

/** Follows the probe for as long as the page is open. */
async function follow(): Promise<never> {
  for (;;) {
    try {
      await listen();
      heard = "nothing";
    } catch (error) {
      // One who answers that too many listen already is there.
      heard = error instanceof NotHeard ? "answers" : "nothing";
    }
    if (heard === "answers") void refresh();
    else sayHowItStands();
    await pause(heard === "answers" ? IDLE_REFRESH_MS : retryMs());
  }
}

/** The probe, or who stands before it, has answered, but tells no news. */
class NotHeard extends Error {}

/**
 * Hears what the probe says until it says no more. This is an EventSource made by hand, since that
 * gives up at an answer other than 200 and does not notice a connection that has gone silent.
 */
async function listen(): Promise<void> {
  const silence = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const keepOn = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), SILENCE_MS);
  };
  try {
    keepOn();
    const answer = await fetch("events", { cache: "no-store", signal: silence.signal });
    if (!answer.ok || !answer.body) throw new NotHeard();
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      keepOn();
      const events = (text + part.value).split("\n\n");
      text = events.pop() ?? "";
      for (const event of events) {
        if (/^event: hello$/m.test(event)) greet();
        else if (/^event: settled$/m.test(event)) void refreshSoon();
      }
    }
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}

/** The probe is there, perhaps as another than before. */
function greet(): void {
  heard = "news";
  void refresh();
}

function sayHowItStands(): void {
  const isLost = heard === "nothing" || !isShown;
  const isNew = isLost && !root.classList.contains("lost");
  root.classList.toggle("lost", isLost);
  document.title = isLost ? `? LOST · ${title}` : title;
  root.classList.toggle("live", !isLost && heard !== "not yet");
  if (isNew) say(`Lost the probe at ${timeOf(new Date())}, trying again …`);
  else if (!isLost && heard === "news") say("Live");
  else if (!isLost && heard === "answers") say(`Live, every ${IDLE_REFRESH_MS / 1e3} s`);
}

/** Only what is new is said: a screen reader reads it out. */
function say(text: string): void {
  if (live.textContent !== text) live.textContent = text;
}

let isRefreshing = false;
let isRefreshDue = false;

/** Asks for the page when it may be asked for again, and once more if that is wished meanwhile. */
async function refreshSoon(): Promise<void> {
  if (document.hidden && !isIdle()) return;
  isRefreshDue = true;
  if (isRefreshing) return;
  isRefreshing = true;
  while (isRefreshDue) {
    await pause(busyUntilMs - performance.now());
    isRefreshDue = false;
    await refresh();
  }
  isRefreshing = false;
}

/** Shows the page anew; an address that is none any more is as good as lost. */
async function refresh(): Promise<void> {
  try {
    await show();
  } catch {
    isShown = false;
    sayHowItStands();
  }
}

function isIdle(): boolean {
  return performance.now() - shownMs > IDLE_REFRESH_MS;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}

function retryMs(): number {
  return RETRY_MS * (0.5 + Math.random());
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) void refreshSoon();
});

setInterval(() => {
  if ((heard === "news" || heard === "answers") && (isIdle() || !isShown)) void refreshSoon();
}, REFRESH_MS);

// ------------------------------------------------------------------------------------- going about

/**
 * Shows what the address now says. Where the probe does not answer, the page stays as it is and
 * shows it when the probe is found again; only what is no page of the probe is left to the browser.
 */
async function showAddress(): Promise<void> {
  try {
    await show(PATIENCE_MS);
  } catch {
    location.reload();
  }
}

/** Goes to another view of the page without leaving it. */
async function go(address: string): Promise<void> {
  history.pushState(null, "", address);
  await showAddress();
  const place = document.getElementById(location.hash.slice(1));
  place?.querySelector("h2")?.scrollIntoView({ block: "nearest" });
  // A task's detail and its row give each other the focus.
  const held = place?.matches("tr, #detail") && place.querySelector<HTMLElement>("h3, a");
  if (held) held.focus();
}

document.addEventListener("click", (event) => {
  const link = event.target instanceof Element && event.target.closest<HTMLAnchorElement>("main a");
  const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;
  if (!link || !isPlain) return;
  event.preventDefault();
  void go(link.href);
});

document.addEventListener("submit", (event) => {
  if (!(event.target instanceof HTMLFormElement)) return;
  event.preventDefault();
  const given = [...new FormData(event.target)].filter(([, value]) => value !== "");
  void go(`?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}#tasks`);
});

document.addEventListener("change", (event) => {
  if (event.target instanceof HTMLSelectElement) event.target.form?.requestSubmit();
});

addEventListener("popstate", () => void showAddress());

// ------------------------------------------------------------------------------------- the chart

type Points = { seqno: number[]; settledMs: number[]; ms: number[]; failed: number[] };

let chart: uPlot | undefined;
let points: Points;
/** What the chart was made for: it is made anew when that changes. */
let madeFor = "";

/** A scale by powers of ten where durations lie too far apart for another. */
const FAR_APART = 40;

const MIN_LENGTH_SECONDS = 10;

/** The least that a scale by powers of ten shows. */
const MIN_SECONDS = 1e-4;

function draw(): void {
  const given: Points = JSON.parse(find("#points").textContent ?? "");
  points = { ...given, seqno: sums(given.seqno), settledMs: sums(given.settledMs) };
  const seconds = points.ms.map((ms) => Math.max(MIN_SECONDS, ms / 1e3));
  const data: uPlot.AlignedData = [
    points.settledMs.map((ms) => ms / 1e3),
    seconds.map((value, i) => points.failed[i] ? null : value),
    seconds.map((value, i) => points.failed[i] ? value : null),
  ];
  const place = find("#chart");
  place.hidden = seconds.length === 0;
  const isWide = Math.max(...seconds) > FAR_APART * Math.min(...seconds);
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const wanted = `${isWide} ${dark} ${place.clientWidth} ${place.clientHeight}`;
  if (chart && wanted === madeFor) return chart.setData(data);
  chart?.destroy();
  chart = undefined;
  if (seconds.length === 0 || place.clientWidth === 0) return;
  madeFor = wanted;
  chart = new uPlot(optionsOf(place, isWide), data, place);
}

function sums(differences: number[]): number[] {
  let sum = 0;
  return differences.map((difference) => sum += difference);
}

function optionsOf(place: HTMLElement, isWide: boolean): uPlot.Options {
  const style = getComputedStyle(root);
  const color = (name: string) => style.getPropertyValue(`--${name}`);
  const em = parseFloat(style.fontSize);
  const axis = {
    stroke: color("faint"),
    font: `${Math.round(em * 0.8)}px system-ui, sans-serif`,
    grid: { stroke: color("line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width: place.clientWidth,
    height: place.clientHeight,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    scales: {
      // A single point has no length of its own.
      x: { range: (_chart, least, most) => [Math.min(least, most - MIN_LENGTH_SECONDS), most] },
      y: isWide
        ? { distr: 3, range: (_chart, least, most) => [roundedDown(least / 1.3), most * 1.3] }
        : { range: (_chart, _least, most) => [0, most * 1.1] },
    },
    axes: [
      {
        ...axis,
        space: em * 6,
        size: em * 1.8,
        values: (_chart, splits, _axis, _space, step) =>
          splits.map((seconds) => timeOf(new Date(seconds * 1e3), step < 60)),
      },
      {
        ...axis,
        size: em * 4,
        ...isWide && { filter: roundOnes, grid: { ...axis.grid, filter: roundOnes } },
        values: (_chart, splits) =>
          splits.map((value) => value === null || value === 0 ? "" : axisText(value)),
      },
    ],
    series: [
      {},
      {
        stroke: color("processing"),
        width: 1.5,
        points: { show: true, size: Math.max(4, em / 4), fill: color("processing") },
      },
      { paths: () => null, points: { show: false } },
    ],
    hooks: {
      draw: [(drawn) => markFailures(drawn, color("failing"), em)],
      setCursor: [tell],
    },
  };
}

/**
 * Down to one digit that matters: uPlot never ends with a scale by powers of ten that begins in the
 * midst of two lines.
 */
function roundedDown(value: number): number {
  return Number(value.toExponential(20).replace(/\.\d+/, ""));
}

/** What is written and lined on a scale by powers of ten: 1, 2, 5, 10, … */
function roundOnes(_chart: uPlot, splits: number[]): (number | null)[] {
  return splits.map((value) => /^[125]/.test(value.toExponential()) ? value : null);
}

function axisText(seconds: number): string {
  return seconds < 1
    ? `${Number((seconds * 1e3).toPrecision(3))} ms`
    : `${Number(seconds.toPrecision(3))} s`;
}

/** A failure is a cross on a line from top to bottom: seen at once, however short it took. */
function markFailures({ ctx, bbox, data, valToPos }: uPlot, color: string, em: number): void {
  const arm = em * 0.3 * devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = color;
  data[2].forEach((seconds, i) => {
    if (typeof seconds !== "number") return;
    const x = valToPos(data[0][i], "x", true);
    const y = valToPos(seconds, "y", true);
    ctx.beginPath();
    ctx.globalAlpha = 0.25;
    ctx.lineWidth = devicePixelRatio;
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.beginPath();
    ctx.globalAlpha = 1;
    ctx.lineWidth = 2 * devicePixelRatio;
    ctx.moveTo(x - arm, y - arm);
    ctx.lineTo(x + arm, y + arm);
    ctx.moveTo(x + arm, y - arm);
    ctx.lineTo(x - arm, y + arm);
    ctx.stroke();
  });
  ctx.restore();
}

const tip = document.createElement("div");
tip.className = "tip";

/** Says what the pointer is at. */
function tell({ cursor, over, data, valToPos }: uPlot): void {
  const { idx } = cursor;
  if (idx === null || idx === undefined || (cursor.left ?? -1) < 0) return tip.remove();
  const reason = REASONS[points.failed[idx] - 1];
  tip.textContent = [
    `#${points.seqno[idx]}`,
    timeOf(new Date(points.settledMs[idx])),
    durationText(points.ms[idx] / 1e3),
    ...reason ? [`✕ ${reason}`] : [],
  ].join(" · ");
  over.append(tip);
  const x = valToPos(data[0][idx], "x");
  tip.style.left = `${Math.max(0, Math.min(x + 8, over.clientWidth - tip.offsetWidth))}px`;
  tip.style.top = "4px";
}

find("main").addEventListener("click", ({ target }) => {
  if (!(target instanceof Element && target.closest("#chart"))) return;
  const { idx } = chart?.cursor ?? {};
  if (idx === null || idx === undefined) return;
  const address = new URL(location.href);
  address.searchParams.set("task", String(points.seqno[idx]));
  address.hash = "detail";
  void go(address.href);
});

// ------------------------------------------------------------------------------------- the start

root.classList.add("scripted");
localise(document);
draw();
addEventListener("resize", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
void follow();
