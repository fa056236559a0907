import { Child, eventuallyFetch, freePort } from "./child.ts";
import { datasetBody } from "./dataset.ts";
import { temporaryPath } from "./temporary.ts";

/** The cheapest target: it responds to every request for a dataset at once, from memory. */
export class Nginx extends Child {
  readonly url: string;
  readonly apiUrl: string;

  private constructor(port: number, folder: string) {
    const config = `${folder}/nginx.conf`;
    Deno.mkdirSync(folder, { recursive: true });
    Deno.writeTextFileSync(config, configuration(port, folder));
    super(["nginx", "-e", "/dev/null", "-c", config]);
    this.url = `http://127.0.0.1:${port}`;
    this.apiUrl = `${this.url}/metadata`;
  }

  /** Starts it; it serves also the files that it is given, by their names. */
  static async start(files: Record<string, string> = {}): Promise<Nginx> {
    const port = freePort();
    const folder = temporaryPath(`nginx-${port}`);
    const nginx = new Nginx(port, folder);
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    await nginx.unlessItEnds(eventuallyFetch(nginx.url));
    return nginx;
  }
}

function configuration(port: number, folder: string): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder};`);
  // One process: a worker would outlive a master that is killed.
  return `
    daemon off;
    master_process off;
    pid ${folder}/pid;
    events { worker_connections 4096; }
    http {
      access_log off;
      default_type application/json;
      ${temporary.join(" ")}
      server {
        listen 127.0.0.1:${port} backlog=4096;
        root ${folder};
        location ~ ^/metadata/(.+)$ { return 200 '${datasetBody("$1")}'; }
      }
    }
  `;
}
