import type { Faults } from "./faults.ts";
import { jsonResponse } from "./response.ts";

/** The answer to a request for one dataset, spoilt as `fault` says. */
export function datasetResponse(id: string, fault: Faults["body"]): Response {
  switch (fault) {
    case "html":
      return spoilt(
        "<!doctype html><title>Sorry</title><h1>Down for maintenance</h1>",
        "text/html",
      );
    case "broken_json":
      return spoilt(firstHalf(JSON.stringify(dataset(id))), "application/json");
    case "empty":
      return spoilt("", "application/json");
    case "other_id":
      return Response.json(dataset(`${id}-other`));
    case null:
      return Response.json(dataset(id));
  }
}

/** An answer that ends early: it promises the whole dataset, sends half, and the connection closes. */
export function cutResponse(id: string): Response {
  const whole = JSON.stringify(dataset(id));
  const half = new Blob([firstHalf(whole)]).stream();
  const length = new TextEncoder().encode(whole).length;
  return new Response(half, {
    headers: {
      "content-type": "application/json",
      "content-length": `${length}`,
    },
  });
}

/** The API's answer for a dataset that it does not have. */
export function missingResponse(id: string): Response {
  return jsonResponse(404, { message: `Dataset ${id} does not exist` });
}

/** An answer of `status` for no reason of the request's own. */
export function statusResponse(status: number): Response {
  const message = status === 401 ? "Unauthorized" : `StatusView ${status} on demand`;
  // A redirect leads somewhere, so that a client which follows it is found out.
  const redirects = status >= 300 && status < 400;
  const headers: HeadersInit = redirects ? { location: "/heartbeat" } : {};
  return jsonResponse(status, { message }, headers);
}

function dataset(id: string) {
  return {
    Type: "Dataset",
    Id: id,
    title: `Testdata ${id}`,
    description: "A dataset that only exists on this machine",
    keywords: ["test", "probe"],
    accessRights: "public",
    confidentiality: "green",
    publisher: "Origo",
    frequency: "daily",
    objective: "Something to ask for",
    contactPoint: {
      name: "Dataplattformen",
      email: "dataplattform@example.org",
      phone: "22222222",
    },
    source: { type: "file" },
    state: "active",
    _links: { self: { href: `/datasets/${encodeURIComponent(id)}` } },
  };
}

function spoilt(body: string, contentType: string): Response {
  return new Response(body, { headers: { "content-type": contentType } });
}

function firstHalf(text: string): string {
  return text.slice(0, text.length / 2);
}
