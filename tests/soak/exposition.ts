/** A connection for each request, so that none stays open. */
const client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });

/** Sends a request over a connection of its own. */
export function request(url: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, { headers, client });
}

/** The samples of one scrape, by name and labels as in the exposition. */
export type Samples = Map<string, number>;

const OPENMETRICS = "application/openmetrics-text; version=1.0.0";

/** Scrapes a probe in one of the two formats. */
export async function scrape(url: string, format: "text" | "openmetrics"): Promise<Samples> {
  const accept = format === "text" ? "text/plain" : OPENMETRICS;
  const response = await request(`${url}/metrics`, { accept });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`a scrape has status ${response.status}: ${text}`);
  if (format === "openmetrics" && !text.endsWith("# EOF\n")) throw new Error("a scrape is cut");
  const samples: Samples = new Map();
  for (const line of text.split("\n")) {
    // An exemplar may follow the value.
    const [, series, value] = line.match(/^([a-z_]+(?:\{.*?\})?) (\S+)/) ?? [];
    if (series) samples.set(series, Number(value));
  }
  return samples;
}

/** The sum of the samples of that name that carry this label. */
export function sumOf(samples: Samples, name: string, label = ""): number {
  let sum = 0;
  for (const [series, value] of samples) {
    if (series.split("{", 1)[0] === name && series.includes(label)) sum += value;
  }
  return sum;
}

/** Problems of a scrape after another one: counters that went down, vanished or disagree. */
export function problemsOf(before: Samples, after: Samples): string[] {
  const problems: string[] = [];
  for (const [series, value] of before) {
    if (!/^[a-z_]+_(total|count|sum|bucket)(\{|$)/.test(series)) continue;
    const now = after.get(series);
    if (now === undefined || now < value) problems.push(`${series} went from ${value} to ${now}`);
  }
  const created = sumOf(after, "probe_tasks_created_total");
  const settled = sumOf(after, "probe_tasks_succeeded_total") +
    sumOf(after, "probe_tasks_failed_total");
  const inFlight = sumOf(after, "probe_tasks_in_flight");
  if (created !== settled + inFlight) {
    problems.push(`${created} created, ${settled} settled, ${inFlight} in flight`);
  }
  return problems;
}
