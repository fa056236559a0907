import { assert, assertEquals } from "@std/assert";
import {
  createProxyFor,
  describeProxies,
  parseProxy,
  parseProxyExceptions,
  type Proxy,
  type ProxyException,
} from "../../../src/http_client/connection/proxy.ts";

function proxyOf(text: string): Proxy {
  const proxy = parseProxy(text);
  assert(proxy, `${text} is no proxy`);
  return proxy;
}

const SECURE = proxyOf("http://secure.test:3129");
const PLAIN = proxyOf("http://plain.test:3128");

function exceptionsOf(text: string): ProxyException[] {
  const exceptions = parseProxyExceptions(text);
  assert(exceptions, `${text} is no list of exceptions`);
  return exceptions;
}

/** Whether a request to the URL goes through a proxy with this `NO_PROXY`. */
function isProxied(noProxy: string, url: string): boolean {
  const proxyFor = createProxyFor({
    httpsProxy: SECURE,
    httpProxy: PLAIN,
    noProxy: exceptionsOf(noProxy),
  });
  return proxyFor(new URL(url)) !== null;
}

Deno.test("createProxyFor chooses the proxy of the scheme", () => {
  const both = createProxyFor({ httpsProxy: SECURE, httpProxy: PLAIN });
  assertEquals(both(new URL("https://api.test/")), SECURE);
  assertEquals(both(new URL("http://api.test/")), PLAIN);
  const secureAlone = createProxyFor({ httpsProxy: SECURE });
  assertEquals(secureAlone(new URL("http://api.test/")), null);
  assertEquals(createProxyFor({})(new URL("https://api.test/")), null);
});

Deno.test("createProxyFor reaches this machine directly, whatever it is called", () => {
  for (
    const host of [
      "localhost",
      "LOCALHOST",
      "localhost.",
      "a.localhost",
      "127.0.0.1",
      "127.9.9.9",
      "127.1",
      "[::1]",
    ]
  ) {
    assertEquals(isProxied("", `https://${host}/`), false, host);
  }
  for (const host of ["localhost.test", "notlocalhost", "128.0.0.1", "[::2]"]) {
    assertEquals(isProxied("", `https://${host}/`), true, host);
  }
});

const EXCEPTIONS: [noProxy: string, direct: string[], proxied: string[]][] = [
  ["*", ["https://api.test/", "http://192.0.2.1/", "http://[2001:db8::1]/"], []],
  [
    "api.test",
    ["https://api.test/", "https://v1.api.test/", "http://API.test:8080/", "https://api.test./"],
    ["https://myapi.test/", "https://api.test.evil/", "https://test/"],
  ],
  [".api.test", ["https://api.test/", "https://v1.api.test/"], ["https://myapi.test/"]],
  ["*.api.test", ["https://api.test/", "https://v1.api.test/"], ["https://myapi.test/"]],
  ["API.Test.", ["https://api.test/", "https://v1.api.test/"], ["https://test/"]],
  ["api.test:8443", ["https://api.test:8443/"], ["https://api.test/", "https://api.test:84/"]],
  ["api.test:443", ["https://api.test/"], ["http://api.test/", "http://api.test:80/"]],
  ["api.test:80", ["http://api.test/"], ["https://api.test/"]],
  ["192.0.2.1", ["http://192.0.2.1/"], ["http://192.0.2.10/", "http://1.192.0.2.1.test/"]],
  ["192.0.2.1:81", ["http://192.0.2.1:81/"], ["http://192.0.2.1/"]],
  ["192.0.2.0/24", ["http://192.0.2.255/"], ["http://192.0.3.1/", "http://api.test/"]],
  ["192.0.2.77/24", ["http://192.0.2.1/"], ["http://192.0.3.1/"]],
  ["0.0.0.0/0", ["http://198.51.100.1/"], ["http://[2001:db8::1]/", "http://api.test/"]],
  ["2001:db8::1", ["http://[2001:db8::1]/"], ["http://[2001:db8::2]/"]],
  ["2001:DB8:0:0::1", ["http://[2001:db8::1]/"], ["http://[2001:db8::2]/"]],
  ["[2001:db8::1]:81", ["http://[2001:db8::1]:81/"], ["http://[2001:db8::1]/"]],
  ["2001:db8::/32", ["http://[2001:db8:9::1]/"], ["http://[2001:db9::1]/", "http://192.0.2.1/"]],
  [" a.test , b.test c.test,, ", ["http://a.test/", "http://b.test/", "http://c.test/"], [
    "http://d.test/",
  ]],
  ["", [], ["http://api.test/"]],
];

for (const [noProxy, direct, proxied] of EXCEPTIONS) {
  Deno.test(`createProxyFor excepts what NO_PROXY names: "${noProxy}"`, () => {
    for (const url of direct) assertEquals(isProxied(noProxy, url), false, url);
    for (const url of proxied) assertEquals(isProxied(noProxy, url), true, url);
  });
}

Deno.test("parseProxyExceptions refuses what no host can match", () => {
  for (
    const text of [
      "http://api.test",
      "api.test,192.0.2.0/33",
      "2001:db8::/129",
      "api.test/24",
      "user@api.test",
      "a*b",
      "api.test:port",
      "[2001:db8::1",
      ".",
    ]
  ) {
    assertEquals(parseProxyExceptions(text), null, text);
  }
});

Deno.test("parseProxy reads host, port and credentials as a URL has them", () => {
  const basic = (pair: string) => `Basic ${btoa(pair)}`;
  const proxies: [text: string, host: string, port: number, authorization: string | null][] = [
    ["http://proxy.test:3128", "proxy.test", 3128, null],
    ["http://proxy.test:3128/", "proxy.test", 3128, null],
    ["HTTP://Proxy.Test", "proxy.test", 80, null],
    ["proxy.test:3128", "proxy.test", 3128, null],
    ["proxy.test", "proxy.test", 80, null],
    [" http://proxy.test:3128 ", "proxy.test", 3128, null],
    ["http://[2001:db8::1]:3128", "2001:db8::1", 3128, null],
    ["http://me:s3cret@proxy.test:3128", "proxy.test", 3128, basic("me:s3cret")],
    ["me:s3cret@proxy.test:3128", "proxy.test", 3128, basic("me:s3cret")],
    ["http://me@proxy.test", "proxy.test", 80, basic("me:")],
    ["http://me:a%40b%3A%25@proxy.test", "proxy.test", 80, basic("me:a@b:%")],
    // A percent sign that nobody encoded.
    ["http://me:100%@proxy.test", "proxy.test", 80, basic("me:100%")],
    ["http://me:%C3%A6@proxy.test", "proxy.test", 80, "Basic bWU6w6Y="],
  ];
  for (const [text, host, port, authorization] of proxies) {
    const { secrets: _, ...proxy } = proxyOf(text);
    assertEquals(proxy, { host, port, authorization }, text);
  }
});

Deno.test("parseProxy names user, password and both as they are sent as secrets", () => {
  assertEquals(proxyOf("http://me%20:a%40b@proxy.test").secrets, ["me ", "a@b", btoa("me :a@b")]);
  assertEquals(proxyOf("http://proxy.test").secrets, []);
});

Deno.test("parseProxy refuses what is no http:// URL", () => {
  for (
    const text of [
      "https://proxy.test",
      "socks5://proxy.test:1080",
      "http://",
      "http://proxy test",
      "proxy.test:port",
      "http://proxy.test:99999",
      "://proxy.test",
      "a:b:c",
      // Characters of a password that are not encoded end the host of a URL.
      "http://me:12#34@proxy.test:3128",
      "http://me:12/34@proxy.test:3128",
      "http://me:12?34@proxy.test:3128",
      "http://proxy.test/path",
    ]
  ) {
    assertEquals(parseProxy(text), null, text);
  }
});

Deno.test("describeProxies tells host and port of each proxy, for which hosts, and no secret", () => {
  const proxyFor = createProxyFor({
    httpsProxy: proxyOf("http://me:s3cret@192.0.2.7:3128"),
    httpProxy: PLAIN,
    noProxy: exceptionsOf("direct.test"),
  });
  const urls = [
    "https://api.test/v1",
    "https://login.test/token",
    "https://api.test/",
    "https://direct.test",
    "http://beat.test/secret",
  ].map((url) => new URL(url));
  assertEquals(
    describeProxies(urls, proxyFor),
    "proxy 192.0.2.7:3128 for api.test, login.test, proxy plain.test:3128 for beat.test",
  );
  assertEquals(describeProxies([new URL("https://direct.test")], proxyFor), null);
});
