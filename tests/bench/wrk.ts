/** How many requests a second `url` answers to wrk over that many connections. */
export async function requestsPerSecond(
  url: string,
  { connections, seconds }: { connections: number; seconds: number },
): Promise<number> {
  const args = ["-t1", `-c${connections}`, `-d${seconds}s`, url];
  const { stdout } = await new Deno.Command("wrk", { args }).output();
  const said = new TextDecoder().decode(stdout);
  const rate = Number(said.match(/^Requests\/sec:\s+(\S+)$/m)?.[1]);
  if (!(rate > 0) || /Non-2xx|Socket errors/.test(said)) throw new Error(`wrk says: ${said}`);
  return rate;
}
