import { assertEquals } from "@std/assert";
import * as z from "zod/mini";
import { givenValue, type Input } from "../../src/config/given.ts";
import type { Setting } from "../../src/config/setting.ts";

const SETTING: Setting = {
  env: "COLOUR",
  alias: "COLOR",
  flag: "colour",
  group: "Output",
  help: "a colour",
  default: "grey",
  schema: z.string(),
};

function inputOf(flags: Input["flags"], env: Record<string, string>): Input {
  return { flags, env: (name) => env[name] };
}

Deno.test("givenValue prefers the flag to the environment, and that to the default", () => {
  const env = { COLOUR: "blue" };
  assertEquals(givenValue(SETTING, inputOf({ colour: "red" }, env)), {
    name: "--colour",
    text: "red",
    source: "flag",
  });
  assertEquals(givenValue(SETTING, inputOf({}, env)), {
    name: "COLOUR",
    text: "blue",
    source: "environment",
  });
  assertEquals(givenValue(SETTING, inputOf({}, {})), {
    name: "COLOUR",
    text: "grey",
    source: "default",
  });
});

Deno.test("givenValue is unset without any value", () => {
  const { default: _, ...setting } = SETTING;
  assertEquals(givenValue(setting, inputOf({}, {})), {
    name: "COLOUR",
    text: undefined,
    source: "unset",
  });
});

Deno.test("givenValue reads the older name only when the variable is not set", () => {
  assertEquals(givenValue(SETTING, inputOf({}, { COLOR: "green" })), {
    name: "COLOR",
    text: "green",
    source: "environment",
  });
  assertEquals(givenValue(SETTING, inputOf({}, { COLOUR: "blue", COLOR: "green" })).text, "blue");
  assertEquals(givenValue(SETTING, inputOf({}, { COLOUR: "  ", COLOR: "green" })).text, "green");
});

Deno.test("givenValue treats a blank variable as unset, and trims another one", () => {
  assertEquals(givenValue(SETTING, inputOf({}, { COLOUR: " \t" })).source, "default");
  assertEquals(givenValue(SETTING, inputOf({}, { COLOUR: " blue\n" })).text, "blue");
});

Deno.test("givenValue keeps the blanks around a secret, and a blank secret is unset", () => {
  const secret = { ...SETTING, secret: true as const };
  assertEquals(givenValue(secret, inputOf({}, { COLOUR: " blue " })).text, " blue ");
  assertEquals(givenValue(secret, inputOf({}, { COLOUR: "  " })).source, "default");
});

Deno.test("givenValue keeps an empty flag, which is wrong and must be reported", () => {
  assertEquals(givenValue(SETTING, inputOf({ colour: "" }, {})).source, "flag");
});
