import { assertEquals, assertRejects } from "@std/assert";
import { createAuthority } from "../support/certificates.ts";
import {
  checkAuthorityFile,
  checkSecretFiles,
  FileError,
  NO_CREDENTIALS,
  readCertificate,
  readCurrentSecret,
  readEndpointCredentials,
  readSecretFile,
  readTls,
} from "../../src/config/credentials.ts";

const CERT = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
const KEY = "-----BEGIN EC PRIVATE KEY-----\nMIIB\n-----END EC PRIVATE KEY-----\n";

/** A file system that holds these files. */
function filesOf(files: Record<string, string>) {
  return (path: string) => {
    const text = files[path];
    return text === undefined
      ? Promise.reject(new Error(`no such file: ${path}`))
      : Promise.resolve(text);
  };
}

const NO_FILES = filesOf({});

Deno.test("readEndpointCredentials returns neither when none is configured", async () => {
  const open = { bearerAuth: null, basicAuth: null };
  assertEquals(await readEndpointCredentials(open, NO_FILES), NO_CREDENTIALS);
});

Deno.test("readEndpointCredentials splits a pair at its first colon", async () => {
  const config = { bearerAuth: { text: "t0ken" }, basicAuth: { text: "user:pass:word" } };
  assertEquals(await readEndpointCredentials(config, NO_FILES), {
    bearer: "t0ken",
    basic: { user: "user", password: "pass:word" },
  });
});

Deno.test("readEndpointCredentials reads files, without the line end that editors add", async () => {
  const config = { bearerAuth: { path: "/token" }, basicAuth: { path: "/pair" } };
  const readFile = filesOf({ "/token": "t0ken\n", "/pair": "user:password \r\n" });
  assertEquals(await readEndpointCredentials(config, readFile), {
    bearer: "t0ken",
    basic: { user: "user", password: "password " },
  });
});

for (
  const [what, files, message] of [
    ["is missing", {}, "expected a file that can be read: no such file: /token"],
    ["is empty", { "/token": "\n" }, "expected a file that can be read: /token is empty"],
    [
      "is not in UTF-8",
      { "/token": "t0ken\ufffd" },
      "expected a file that can be read: /token is not in UTF-8",
    ],
    [
      "holds no token",
      { "/token": "two words" },
      "expected a token of letters, digits and -._~+/, got something else in /token",
    ],
    [
      "holds two lines",
      { "/token": "one\ntwo\n" },
      "expected a secret without control characters, got one with U+000A in /token",
    ],
    [
      "holds a quoted token",
      { "/token": '"t0ken"\n' },
      "expected a secret without quotes around it, got one in quotes in /token",
    ],
    [
      "begins with a byte order mark",
      { "/token": "\ufefft0ken\n" },
      "expected a secret without a byte order mark, got one with U+FEFF in /token",
    ],
  ] as const
) {
  Deno.test(`readEndpointCredentials names the variable whose file ${what}, not its content`, async () => {
    const config = { bearerAuth: { path: "/token" }, basicAuth: null };
    const error = await assertRejects(
      () => readEndpointCredentials(config, filesOf(files)),
      FileError,
    );
    assertEquals(error.message, `HTTP_BEARER_TOKEN_FILE: ${message}`);
  });
}

Deno.test("readEndpointCredentials checks a file's pair as the variable's", async () => {
  const config = { bearerAuth: null, basicAuth: { path: "/pair" } };
  await assertRejects(
    () => readEndpointCredentials(config, filesOf({ "/pair": "password-alone" })),
    FileError,
    "HTTP_BASIC_AUTH_FILE: expected user:password, got something else in /pair",
  );
});

const TLS = { tls: { certPath: "/cert.pem", keyPath: "/key.pem" } };

Deno.test("readTls returns certificate and key, null for plain HTTP", async () => {
  const readFile = filesOf({ "/cert.pem": CERT, "/key.pem": KEY });
  assertEquals(await readTls(TLS, readFile), { cert: CERT, key: KEY });
  assertEquals(await readTls({ tls: null }, NO_FILES), null);
});

for (const kind of ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"]) {
  Deno.test(`readTls accepts a key of the kind ${kind}`, async () => {
    const key = `-----BEGIN ${kind}-----\n`;
    const tls = await readTls(TLS, filesOf({ "/cert.pem": CERT, "/key.pem": key }));
    assertEquals(tls?.key, key);
  });
}

for (
  const [what, files, message] of [
    [
      "a missing certificate",
      { "/key.pem": KEY },
      "TLS_CERT_FILE: expected a file that can be read: no such file: /cert.pem",
    ],
    [
      "a key in place of the certificate",
      { "/cert.pem": KEY, "/key.pem": KEY },
      "TLS_CERT_FILE: expected a certificate in PEM, got /cert.pem without one",
    ],
    [
      "a missing key",
      { "/cert.pem": CERT },
      "TLS_KEY_FILE: expected a file that can be read: no such file: /key.pem",
    ],
    [
      "a certificate in place of the key",
      { "/cert.pem": CERT, "/key.pem": CERT },
      "TLS_KEY_FILE: expected a private key in PEM, got /key.pem without one",
    ],
  ] as const
) {
  Deno.test(`readTls refuses ${what}`, async () => {
    const error = await assertRejects(() => readTls(TLS, filesOf(files)), FileError);
    assertEquals(error.message, message);
  });
}

Deno.test("readCertificate needs no key", async () => {
  assertEquals(await readCertificate(TLS.tls, filesOf({ "/cert.pem": CERT })), CERT);
});

function withSecret(secret: { text: string } | { path: string }) {
  const credentials = { tokenUrl: "http://login", clientId: "client", secret };
  return { credentials, prometheusAuth: null };
}

Deno.test("checkSecretFiles passes when there is no file to check, or it holds a secret", async () => {
  await checkSecretFiles({ credentials: null, prometheusAuth: null }, NO_FILES);
  await checkSecretFiles(withSecret({ text: "s3cret" }), NO_FILES);
  await checkSecretFiles(withSecret({ path: "/secret" }), filesOf({ "/secret": "s3cret\n" }));
});

Deno.test("checkSecretFiles names the variable whose file is missing or empty", async () => {
  for (
    const [files, why] of [[{}, "no such file: /secret"], [
      { "/secret": "" },
      "/secret is empty",
    ]] as const
  ) {
    await assertRejects(
      () => checkSecretFiles(withSecret({ path: "/secret" }), filesOf(files)),
      FileError,
      `OKDATA_CLIENT_SECRET_FILE: expected a file with the secret: ${why}`,
    );
  }
});

Deno.test("checkSecretFiles says which accident happened to the secret, without showing it", async () => {
  const error = await assertRejects(
    () => checkSecretFiles(withSecret({ path: "/secret" }), filesOf({ "/secret": "'s3cret'\n" })),
    FileError,
  );
  assertEquals(
    error.message,
    "OKDATA_CLIENT_SECRET_FILE: expected a secret without quotes around it, got one in quotes " +
      "in /secret",
  );
});

Deno.test("checkSecretFiles refuses a file whose text is no bearer token", async () => {
  const prometheusAuth = { path: "/token" };
  for (const text of ["Bearer abc", "tøken€"]) {
    await assertRejects(
      () => checkSecretFiles({ credentials: null, prometheusAuth }, () => Promise.resolve(text)),
      FileError,
      "PROMETHEUS_BEARER_TOKEN_FILE: expected ",
    );
  }
});

Deno.test("checkSecretFiles names the file of the token for Prometheus", async () => {
  const config = { credentials: null, prometheusAuth: { path: "/token" } };
  await checkSecretFiles(config, filesOf({ "/token": "t0ken\n" }));
  await assertRejects(
    () => checkSecretFiles(config, NO_FILES),
    FileError,
    "PROMETHEUS_BEARER_TOKEN_FILE: expected a file that can be read:",
  );
});

Deno.test("readCurrentSecret reads the file each time, and refuses what is no secret", async () => {
  const files = { "/secret": "one" };
  const readFile = (path: string) => filesOf(files)(path);
  assertEquals(await readCurrentSecret({ text: "s3cret" }, NO_FILES), "s3cret");
  assertEquals(await readCurrentSecret({ path: "/secret" }, readFile), "one");
  files["/secret"] = "two\n";
  assertEquals(await readCurrentSecret({ path: "/secret" }, readFile), "two");
  files["/secret"] = "'three'";
  await assertRejects(
    () => readCurrentSecret({ path: "/secret" }, readFile),
    Error,
    "expected a secret without quotes around it, got one in quotes in /secret",
  );
});

Deno.test("readSecretFile removes one line end and nothing else", async () => {
  const contents = ["s3cret", "s3cret\n", "s3cret\r\n", " s3cret \n\n"];
  const secrets = await Promise.all(
    contents.map((text) => readSecretFile("/s", filesOf({ "/s": text }))),
  );
  assertEquals(secrets, ["s3cret", "s3cret", "s3cret", " s3cret \n"]);
});

Deno.test("checkAuthorityFile accepts a file with a certificate among other text", async () => {
  const { pem } = await createAuthority();
  const readFile = filesOf({ "/ca.pem": `# an authority\n${pem}` });
  await checkAuthorityFile({ authorityFile: "/ca.pem" }, readFile);
  await checkAuthorityFile({ authorityFile: undefined }, NO_FILES);
});

for (
  const [what, files, message] of [
    ["a missing file", {}, "DENO_CERT: expected a file that can be read: no such file: /ca.pem"],
    ["a file without a certificate", { "/ca.pem": KEY }, "got /ca.pem without one"],
    ["what only looks like a certificate", { "/ca.pem": CERT }, "got /ca.pem without one"],
  ] as const
) {
  Deno.test(`checkAuthorityFile refuses ${what}`, async () => {
    await assertRejects(
      () => checkAuthorityFile({ authorityFile: "/ca.pem" }, filesOf(files)),
      FileError,
      message,
    );
  });
}
