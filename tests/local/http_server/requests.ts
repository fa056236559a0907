/** Requests to a running emulator, for its tests. */
import { assert } from "@std/assert";
import type { Counts } from "../../../local/http_server/emulator.ts";
import type { Faults } from "../../../local/http_server/faults.ts";
import { TOKEN_PATH } from "../../../local/http_server/token.ts";

export async function statusOf(url: string, init?: RequestInit): Promise<number> {
  const response = await fetch(url, init);
  await response.body?.cancel();
  return response.status;
}

/** The statuses of this many dataset requests, one after the other. */
export async function statusesOf(url: string, count: number): Promise<number[]> {
  const statuses: number[] = [];
  for (let i = 0; i < count; i++) statuses.push(await statusOf(`${url}/metadata/a`));
  return statuses;
}

/** Repeats the request until the response has this status. */
export async function responseWith(
  status: number,
  url: string,
  init?: RequestInit,
): Promise<Response> {
  for (let i = 0; i < 1_000; i++) {
    const response = await fetch(url, init);
    if (response.status === status) return response;
    await response.body?.cancel();
  }
  throw new Error(`no response of status ${status}`);
}

export async function faultsOf(url: string): Promise<Faults> {
  return (await fetch(`${url}/faults`)).json();
}

/** Sends bytes, which have no content type. */
export function putFaults(url: string, body: string): Promise<Response> {
  const bytes = new TextEncoder().encode(body);
  return fetch(`${url}/faults`, { method: "PUT", body: bytes });
}

export function requestToken(
  url: string,
  fields: Record<string, string> = {},
  headers: Record<string, string> = {},
): Promise<Response> {
  const body = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: "local-client",
    client_secret: "local-secret",
    ...fields,
  });
  return fetch(url + TOKEN_PATH, { method: "POST", body, headers });
}

export async function tokenOf(url: string): Promise<string> {
  return (await (await requestToken(url)).json()).access_token;
}

export function countsWith(counts: Partial<Counts>): Counts {
  return { requests: 0, by_status: {}, aborted: 0, token_requests: 0, ...counts };
}

/** Polls: a client does not notice when the server has seen it leave. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + 10_000;
  while (!await condition()) {
    assert(performance.now() < deadlineMs, `not true within 10 s: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

export async function durationMs(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

export function assertBetween(value: number, low: number, high: number): void {
  assert(value >= low && value <= high, `${value} is not from ${low} to ${high}`);
}
