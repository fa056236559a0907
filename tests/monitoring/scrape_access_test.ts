import { assertEquals } from "@std/assert";
import { createAuthority } from "../support/certificates.ts";
import { eventually, startLoop, test } from "../support/program.ts";
import { WITHOUT_PROMETHEUS } from "../support/prometheus_tools.ts";
import { startCountingTarget } from "./counting_target.ts";
import { startPrometheus } from "./prometheus.ts";

test("Prometheus scrapes over HTTPS only with a token or a password", async () => {
  const folder = await Deno.makeTempDir({ prefix: "scrape-" });
  await using target = startCountingTarget({ seed: 1, missingDatasets: [], retries: 0 });
  const authority = await createAuthority();
  const { cert, key } = await authority.issue("127.0.0.1");
  const files = { "ca.pem": authority.pem, "tls.crt": cert, "tls.key": key, "token": "t0ken\n" };
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
  await using probe = await startLoop({
    env: {
      OKDATA_API_URL: target.apiUrl,
      HTTP_BEARER_TOKEN_FILE: `${folder}/token`,
      HTTP_BASIC_AUTH: "prometheus:s3cret",
      TLS_CERT_FILE: `${folder}/tls.crt`,
      TLS_KEY_FILE: `${folder}/tls.key`,
    },
  });
  const { host } = new URL(probe.url.replace("localhost", "127.0.0.1"));
  const tls = { scheme: "https", tls_config: { ca_file: `${folder}/ca.pem` } };
  const basic_auth = { username: "prometheus", password: "s3cret" };
  const jobs = Object.entries({
    bearer: { ...tls, authorization: { credentials_file: `${folder}/token` } },
    basic: { ...tls, basic_auth },
    nobody: tls,
    wrong: { ...tls, basic_auth: { ...basic_auth, password: "wrong" } },
    plain: { basic_auth },
  }).map(([name, more]) => ({ name, address: host, path: "/metrics", more }));
  await using prometheus = await startPrometheus(jobs);

  const last = await eventually("each job has scraped", async () => {
    const found = await prometheus.stored("up");
    const up = Object.fromEntries(
      found.map(({ metric, values }) => [metric.job, values.at(-1)?.[1]]),
    );
    // The first scrape of a probe that has just started may take too long.
    return found.length === jobs.length && up.bearer === "1" && up.basic === "1" && up;
  });
  assertEquals(last, {
    bearer: "1",
    basic: "1",
    nobody: "0",
    wrong: "0",
    plain: "0",
  });
  await Deno.remove(folder, { recursive: true });
}, { ignore: WITHOUT_PROMETHEUS });
