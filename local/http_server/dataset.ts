import type { Faults } from "./faults.ts";
import { jsonResponse } from "./response.ts";

/** The response to a request for a dataset, made invalid by `fault`. */
export function datasetResponse(id: string, fault: Faults["body"]): Response {
  switch (fault) {
    case "html":
      return rawResponse(
        "<!doctype html><title>Sorry</title><h1>Down for maintenance</h1>",
        "text/html",
      );
    case "broken_json":
      return rawResponse(firstHalf(JSON.stringify(dataset(id))), "application/json");
    case "empty":
      return rawResponse("", "application/json");
    case "other_id":
      return Response.json(dataset(`${id}-other`));
    case null:
      return Response.json(dataset(id));
  }
}

/** A response that announces the whole dataset but ends after half of it, with the connection. */
export function cutResponse(id: string): Response {
  const body = JSON.stringify(dataset(id));
  const half = new Blob([firstHalf(body)]).stream();
  const length = new TextEncoder().encode(body).length;
  return new Response(half, {
    headers: { "content-type": "application/json", "content-length": `${length}` },
  });
}

/** The response for a dataset that does not exist. */
export function missingResponse(id: string): Response {
  return jsonResponse(404, { message: `Dataset ${id} does not exist` });
}

/** A response of this status, whatever the request. */
export function statusResponse(status: number): Response {
  const message = status === 401 ? "Unauthorized" : `Status ${status} on demand`;
  // A client that follows the redirect gets a response that is not a dataset.
  const isRedirect = status >= 300 && status < 400;
  const headers: HeadersInit = isRedirect ? { location: "/heartbeat" } : {};
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

function rawResponse(body: string, contentType: string): Response {
  return new Response(body, { headers: { "content-type": contentType } });
}

function firstHalf(text: string): string {
  return text.slice(0, text.length / 2);
}
