import type * as z from "zod/mini";
import type { SecretKind } from "./secret_text.ts";

/** One setting: its names, its help and the schema of its value. */
export type Setting = {
  /** Name of the environment variable. */
  env: string;
  /** Another name of the variable, read when `env` is not set. */
  alias?: string;
  /** A variable of the machine, which other programs read too: commands that do not probe ignore it. */
  onlyProbing?: true;
  /** Never shown, not even in an error. */
  secret?: true;
  /** Of a secret that is not a URL. */
  secretKind?: SecretKind;
  /** Name of the flag without dashes; absent for secrets and paths, which belong in the environment. */
  flag?: string;
  /** What stands for the flag's value in `--help`; absent for a flag that needs none. */
  placeholder?: string;
  group: string;
  /** What it means, with its unit. */
  help: string;
  /** The default as a user would write it. */
  default?: string;
  /** Describes a default that is not one fixed value. */
  defaultNote?: string;
  /** Parses the written value. */
  schema: z.ZodMiniType<unknown, string>;
};
