import type { Setting } from "./setting.ts";

/** Where a value comes from. */
type Source = "flag" | "environment" | "default" | "unset";

/** A value as it was written, and the flag or variable that holds it. */
export type Given = { name: string; text: string | undefined; source: Source };

/** The program's input: flags by their name without dashes, and a reader of the environment. */
export type Input = {
  flags: Readonly<Record<string, string | undefined>>;
  env: (name: string) => string | undefined;
};

/** The value in force: a flag wins over the environment, the environment over the default. */
export function givenValue(
  { env, alias, secret, flag, default: fallback }: Setting,
  input: Input,
): Given {
  const flagText = flag && input.flags[flag];
  if (flagText !== undefined) return { name: `--${flag}`, text: flagText, source: "flag" };
  for (const name of alias ? [env, alias] : [env]) {
    const envText = input.env(name);
    const trimmed = envText?.trim();
    // Blanks may belong to a secret.
    if (trimmed) return { name, text: secret ? envText : trimmed, source: "environment" };
  }
  return { name: env, text: fallback, source: fallback === undefined ? "unset" : "default" };
}
