import { at } from "../support/at.ts";

/**
 * A Prometheus that knows every dataset that it is asked for: each bar of the day and of the quarter,
 * some with failures or slow tasks, and an incident half an hour ago.
 */
export function startPast(): { url: string } & AsyncDisposable {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const asked = new URLSearchParams(await request.text());
      const query = asked.get("query") ?? "";
      const [start = NaN, end = NaN, step = NaN] = ["start", "end", "step"]
        .map((name) => Number(asked.get(name)));
      const times = Array.from(
        { length: Math.floor((end - start) / step) + 1 },
        (_, i) => start + i * step,
      );
      const result = datasetsIn(query).flatMap((id, nth) => {
        const values = valuesOf(query, times, nth);
        return values.length > 0 ? [{ metric: { dataset_id: id }, values }] : [];
      });
      return Response.json({ status: "success", data: { resultType: "matrix", result } });
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function datasetsIn(query: string): string[] {
  const pattern = query.match(/dataset_id=~"([^"]*)"/)?.[1] ?? "";
  return pattern.split("|");
}

type Value = [seconds: number, value: string];

function valuesOf(query: string, times: readonly number[], nth: number): Value[] {
  const counts = (valueAt: (i: number) => number) =>
    times.map((seconds, i): Value => [seconds, String(valueAt(i + nth))]);
  if (/^min_over_time/.test(query) && /since/.test(query)) return incident(times);
  if (/tasks_succeeded_total|history_settled/.test(query)) return counts(() => 90);
  if (/tasks_failed_total|history_failed/.test(query)) return counts((i) => i % 17 === 0 ? 2 : 0);
  if (/duration_seconds|history_slow/.test(query)) return counts((i) => i % 11 === 0 ? 50 : 0);
  return [];
}

/** Ten minutes that ended half an hour ago; none before the last day. */
function incident(times: readonly number[]): Value[] {
  const i = times.findIndex((seconds) => seconds > Date.now() / 1e3 - 1_800);
  if (i < 1) return [];
  const [end, next] = [at(times, i - 1), at(times, i)];
  return [[end, String(end - 600)], [next, "NaN"]];
}
