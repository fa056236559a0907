/** Stands in for the HTTP connection to a running probe. */
import { Backlog } from "../../src/probing/backlog.ts";
import type { Task } from "../../src/core/task.ts";
import type { Exchange } from "../../src/http_client/exchange.ts";
import { createFakeRuntime } from "./fake_runtime.ts";
import { serverWith } from "./server.ts";
import { failed, pending, succeeded } from "./tasks.ts";

/** A runtime whose requests get what `respond` returns; `count` is the number of the request. */
export function runtimeWith(
  respond: (path: string, count: number) => Response | Promise<Response>,
) {
  const fakes = createFakeRuntime();
  let count = 0;
  const exchange: Exchange = async ({ url }) => {
    const response = await respond(url.pathname + url.search, ++count);
    const body = new Uint8Array(await response.arrayBuffer());
    return { status: response.status, headers: Object.fromEntries(response.headers), body };
  };
  return { ...fakes, runtime: { ...fakes.runtime, exchange } };
}

/** A runtime whose requests reach the server of a probe with this backlog, after `onRequest`. */
export function runtimeOf(
  backlog: Backlog,
  onRequest: (path: string, count: number) => void = () => {},
) {
  const server = serverWith({
    listTasks: (query) => backlog.page(query),
    trackedCounts: () => backlog.counts,
  });
  return runtimeWith(async (path, count) => {
    onRequest(path, count);
    return await server.request(path);
  });
}

/** Opens a task. Of ten in a row two fail, one stays pending, and the others succeed. */
export function openTask(backlog: Backlog): Task {
  const { seqno: _, ...fields } = pending();
  const task = backlog.open(fields);
  if (task.seqno % 10 === 9) return task;
  const settled = task.seqno % 10 < 2 ? failed(task) : succeeded(task);
  backlog.settle(settled);
  return settled;
}

/** Opens this many tasks that stay pending. */
export function openPending(backlog: Backlog, count: number): void {
  const { seqno: _, ...fields } = pending();
  for (let i = 0; i < count; i++) backlog.open(fields);
}

/** A backlog of this many tasks that `openTask` has opened. */
export function backlogOf(size: number): Backlog {
  const backlog = new Backlog(1e6, () => {});
  for (let i = 0; i < size; i++) openTask(backlog);
  return backlog;
}
