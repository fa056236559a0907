/** The runtime that the list is about, as `PROBE_RUNTIME` names it; users get another one. */
export const EXCEPTED_RUNTIME = "2.4.2";

/** The only list of tests that are not run on that runtime. */
export const EXCEPTIONS: readonly { name: string; reason: string }[] = [];
