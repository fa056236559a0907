import { Child, eventuallyFetch, freePort } from "./child.ts";
import { datasetBody } from "./dataset.ts";
import { temporaryPath } from "../support/temporary.ts";
import type { TlsFiles } from "../support/tls_files.ts";

/**
 * The cheapest target: it responds to every request for a dataset at once, from memory. Or a proxy that
 * has TLS for another target: a server of Deno leaves Nagle's algorithm on, which delays some handshakes
 * of some clients by 40 ms, and a platform's load balancer does not.
 */
export class Nginx extends Child {
  readonly url: string;
  readonly apiUrl: string;

  private constructor(ports: Ports, folder: string, options: Options) {
    const config = `${folder}/nginx.conf`;
    Deno.mkdirSync(folder, { recursive: true });
    Deno.writeTextFileSync(config, configuration(ports, folder, options));
    super(["nginx", "-e", "/dev/null", "-c", config]);
    this.url = `http://127.0.0.1:${ports.plain}`;
    this.apiUrl = options.tls
      ? `https://127.0.0.1:${ports.secure}/metadata`
      : `${this.url}/metadata`;
  }

  /**
   * Starts it; it serves also the files that it is given, by their names. With TLS it has the datasets
   * on another port; with an upstream it has them from there.
   */
  static async start({ files = {}, tls = null, upstreamPort = null }: {
    files?: Record<string, string>;
    tls?: TlsFiles | null;
    upstreamPort?: number | null;
  } = {}): Promise<Nginx> {
    const ports = { plain: freePort(), secure: freePort() };
    const folder = temporaryPath(`nginx-${ports.plain}`);
    const nginx = new Nginx(ports, folder, { tls, upstreamPort });
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    await nginx.unlessItEnds(eventuallyFetch(nginx.url));
    return nginx;
  }
}

type Ports = { plain: number; secure: number };

type Options = { tls: TlsFiles | null; upstreamPort: number | null };

function configuration(ports: Ports, folder: string, { tls, upstreamPort }: Options): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder};`);
  // No session is resumed: a whole handshake each time, as with the other targets.
  const secure = tls && `
    listen 127.0.0.1:${ports.secure} ssl backlog=4096;
    ssl_certificate ${tls.certFile};
    ssl_certificate_key ${tls.keyFile};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache off;
    ssl_session_tickets off;
  `;
  const datasets = upstreamPort === null
    ? `location ~ ^/metadata/(.+)$ { return 200 '${datasetBody("$1")}'; }`
    : `location /metadata/ {
        proxy_pass http://upstream;
        proxy_http_version 1.1;
        proxy_set_header connection "";
      }`;
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
      upstream upstream { server 127.0.0.1:${upstreamPort ?? ports.plain}; keepalive 64; }
      server {
        listen 127.0.0.1:${ports.plain} backlog=4096;
        ${secure ?? ""}
        root ${folder};
        ${datasets}
      }
    }
  `;
}
