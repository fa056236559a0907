/**
 * How many requests a second a bare node:http or node:https client gets done, each over a connection of
 * its own. Arguments: URL, how many are under way at once, for how many seconds, and for https the file
 * of the authority.
 */
import http from "node:http";
import https from "node:https";

const [url = "", atOnce, seconds, authorityFile] = Deno.args;
const { get, agent } = authorityFile
  ? {
    get: https.get,
    agent: new https.Agent({ keepAlive: false, ca: Deno.readTextFileSync(authorityFile) }),
  }
  : { get: http.get, agent: new http.Agent({ keepAlive: false }) };
const endMs = performance.now() + 1e3 * Number(seconds);
let done = 0;

function ask(): Promise<void> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response: http.IncomingMessage) => {
      response.on("data", () => {});
      response.on("end", resolve);
    }).on("error", reject);
  });
}

async function askUntilTheEnd(): Promise<void> {
  while (performance.now() < endMs) {
    await ask();
    done++;
  }
}

await Promise.all(Array.from({ length: Number(atOnce) }, askUntilTheEnd));
console.log(done / Number(seconds));
