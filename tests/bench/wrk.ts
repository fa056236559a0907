/** How many requests a second `url` serves to wrk over this many connections. */
export async function requestsPerSecond(
  url: string,
  { connections, seconds }: { connections: number; seconds: number },
): Promise<number> {
  const args = ["-t1", `-c${connections}`, `-d${seconds}s`, url];
  const { stdout } = await new Deno.Command("wrk", { args }).output();
  const output = new TextDecoder().decode(stdout);
  const rate = Number(output.match(/^Requests\/sec:\s+(\S+)$/m)?.[1]);
  if (!(rate > 0) || /Non-2xx|Socket errors/.test(output)) throw new Error(`wrk: ${output}`);
  return rate;
}
