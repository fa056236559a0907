/** The least that can be scraped. Its argument is the port. */
Deno.serve(
  { hostname: "127.0.0.1", port: Number(Deno.args[0]), onListen() {} },
  () => new Response("up 1\n"),
);
