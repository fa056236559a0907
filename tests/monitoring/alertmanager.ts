import { startServer } from "./prometheus.ts";

/**
 * Starts an Alertmanager that sends every alert to the webhook without delay, unless another
 * configuration is given.
 */
export async function startAlertmanager(
  { webhookUrl, config = configuration(webhookUrl) }: { webhookUrl: string; config?: string },
) {
  const folder = await Deno.makeTempDir({ prefix: "alertmanager-" });
  try {
    // JSON is YAML.
    await Deno.writeTextFile(`${folder}/alertmanager.yml`, config);
    const { url, stop } = await startServer("prometheus-alertmanager", [
      `--config.file=${folder}/alertmanager.yml`,
      `--storage.path=${folder}/data`,
      // An empty address disables the cluster and its port.
      "--cluster.listen-address=",
    ]);
    return {
      /** `host:port`, as Prometheus expects it. */
      address: new URL(url).host,
      async [Symbol.asyncDispose]() {
        await stop();
        await Deno.remove(folder, { recursive: true });
      },
    };
  } catch (error) {
    await Deno.remove(folder, { recursive: true });
    throw error;
  }
}

function configuration(webhookUrl: string): string {
  return JSON.stringify({
    route: {
      receiver: "webhook",
      group_by: ["..."],
      group_wait: "0s",
      group_interval: "1s",
      repeat_interval: "1h",
    },
    receivers: [{ name: "webhook", webhook_configs: [{ url: webhookUrl, send_resolved: true }] }],
  });
}
