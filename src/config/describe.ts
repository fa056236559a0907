import type { Config } from "./config.ts";
import { givenValue, type Input } from "./given.ts";
import type { Setting } from "./setting.ts";
import { SETTINGS } from "./settings.ts";

/** The settings in force as assignments of a shell, each with the source of its value. */
export function describeConfig(input: Input, config: Config): string {
  const derived: Record<string, string | undefined> = {
    OKDATA_API_URL: config.apiUrl,
    OKDATA_TOKEN_URL: config.credentials?.tokenUrl,
    LOG_LEVEL: config.logLevel,
  };
  const lines = Object.values(SETTINGS).map((setting: Setting) => {
    const { text, source } = givenValue(setting, input);
    const { env, secret, defaultNote = "not set" } = setting;
    const value = text ?? derived[env];
    const isShown = value !== undefined && !(secret && text !== undefined);
    return {
      assignment: isShown ? `${env}=${shellQuote(value)}` : `# ${env}=`,
      note: text === undefined ? defaultNote : secret ? `${source}, not shown` : source,
    };
  });
  const width = Math.max(...lines.map(({ assignment }) => assignment.length));
  return lines.map(({ assignment, note }) => `${assignment.padEnd(width)}  # ${note}\n`).join("");
}

function shellQuote(text: string): string {
  return /^[\w.,:/@%+~-]*$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
