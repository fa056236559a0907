/** Command-line flags of Deno's standard library, whose npm package has no types. */
import { parseArgs as untyped } from "deno-std/cli/parse_args.js";

/** Which flags there are; those of no list are of any type, and `unknown` is called for them. */
type Options<
  Text extends string,
  Switch extends string,
  Collected extends string,
  Default extends Record<string, string>,
> = {
  /** Flags with a value, which stays a string. */
  string?: readonly Text[];
  /** Flags without a value; false where they are not given. */
  boolean?: readonly Switch[];
  /** Flags that may be repeated, all values of which are kept. */
  collect?: readonly Collected[];
  default?: Default;
  /** Other names of a flag. */
  alias?: Record<string, string>;
  /** Called for each word and each flag of no list; `false` leaves it out of the result. */
  unknown?: (argument: string, name?: string, value?: unknown) => unknown;
};

type Flags<
  Text extends string,
  Switch extends string,
  Collected extends string,
  Default extends Record<string, string>,
> =
  & { readonly [Name in Switch]: boolean }
  & { readonly [Name in Exclude<Text, Collected | keyof Default>]: string | undefined }
  & { readonly [Name in Extract<Text, keyof Default>]: string }
  & { readonly [Name in Extract<Text, Collected>]: readonly string[] }
  & {
    /** The words that belong to no flag; a word that is a number comes as one. */
    readonly _: readonly (string | number)[];
  };

/** Returns the flags and words of a command line. A flag without its value is the empty string. */
export const parseArgs: <
  const Text extends string = never,
  const Switch extends string = never,
  const Collected extends string = never,
  const Default extends Record<string, string> = Record<never, string>,
>(
  args: readonly string[],
  options?: Options<Text, Switch, Collected, Default>,
) => Flags<Text, Switch, Collected, Default> = untyped;
