/**
 * How many requests a second a bare node:http client gets done, each over a connection of its own.
 * Arguments: URL, how many are under way at once, for how many seconds.
 */
import http from "node:http";

const [url = "", atOnce, seconds] = Deno.args;
const agent = new http.Agent({ keepAlive: false });
const endMs = performance.now() + 1e3 * Number(seconds);
let done = 0;

function ask(): Promise<void> {
  return new Promise((resolve, reject) => {
    http.get(url, { agent }, (response) => {
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
