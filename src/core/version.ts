import manifest from "../../deno.json" with { type: "json" };

/** The program's version. */
export const VERSION: string = manifest.version;

/** How the program names itself in its requests. */
export const USER_AGENT = `dataplatform-probe/${VERSION}`;
