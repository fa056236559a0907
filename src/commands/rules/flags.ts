import { quote } from "../../config/values.ts";
import {
  DEFAULT_JOB,
  LABELS_OF_ALERTS,
  type RuleOptions,
} from "../../prometheus/rules/rule_options.ts";

/** The flags of `rules`; `label` may be repeated. */
export const RULE_FLAGS = {
  "severity-page": { value: "NAME", help: "with rules: severity that wakes somebody (page)" },
  "severity-ticket": { value: "NAME", help: "with rules: severity that waits (ticket)" },
  job: { value: "NAME", help: `with rules: scrape job (${DEFAULT_JOB})` },
  label: { value: "KEY=VALUE", help: "with rules: label of each alert; may be repeated" },
  "runbook-url": { value: "URL", help: "with rules: what runbook_url leads to, by {alert}" },
};

const EXPECTED_NAME = "1 to 100 letters, digits or any of _ . : / -";

const EXPECTED_URL =
  "an http:// or https:// URL without user, blanks and control characters, with # only where " +
  "{alert} stands for the alert's name";

/** The options of `rules`, and a line for each flag whose value is none. */
export function parseRuleFlags(
  given: Readonly<Record<string, unknown>>,
): { options: RuleOptions; problems: string[] } {
  const problems: string[] = [];
  const nameOf = (flag: keyof typeof RULE_FLAGS): string | undefined => {
    const value = given[flag];
    if (value === undefined) return undefined;
    const name = String(value).trim();
    // It stands in expressions and templates.
    if (/^[A-Za-z0-9_.:/-]{1,100}$/.test(name)) return name;
    problems.push(`--${flag}: expected ${EXPECTED_NAME}, got ${quote(name)}`);
  };
  const labels = new Map<string, string>();
  for (const text of [given.label ?? []].flat().map(String)) {
    const [key = "", ...values] = text.split("=");
    const [name, value] = [key.trim(), values.join("=").trim()];
    const problem = labels.has(name) ? "each name once" : problemOf(name, value);
    if (problem) problems.push(`--label: expected ${problem}, got ${quote(text)}`);
    else labels.set(name, value);
  }
  const runbookUrl = given["runbook-url"] === undefined ? undefined : String(given["runbook-url"]);
  if (runbookUrl !== undefined && !isRunbookUrl(runbookUrl)) {
    problems.push(`--runbook-url: expected ${EXPECTED_URL}, got ${quote(runbookUrl)}`);
  }
  const [page, ticket, job] = [nameOf("severity-page"), nameOf("severity-ticket"), nameOf("job")];
  const options: RuleOptions = {
    ...job === undefined ? {} : { job },
    severities: {
      ...page === undefined ? {} : { page },
      ...ticket === undefined ? {} : { ticket },
    },
    labels: Object.fromEntries(labels),
    ...runbookUrl === undefined ? {} : { links: { runbookUrl } },
  };
  return { options, problems };
}

/** What is expected in place of this label; undefined when nothing is wrong with it. */
function problemOf(name: string, value: string): string | undefined {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || name.startsWith("__") || value === "") {
    return "KEY=VALUE, with a key of letters, digits and _ that begins with no digit and no __";
  }
  if (LABELS_OF_ALERTS.some((own) => own === name)) {
    return `a key that alerts do not have already, so none of ${LABELS_OF_ALERTS.join(", ")}`;
  }
  // deno-lint-ignore no-control-regex -- no label of people has control characters
  if (value.includes("{{") || /[\x00-\x1f\x7f]/.test(value)) {
    return "a value of plain text, without {{ and control characters";
  }
}

function isRunbookUrl(text: string): boolean {
  const filled = text.replaceAll("{alert}", "a");
  const url = URL.canParse(filled) ? new URL(filled) : undefined;
  // Without {alert} it gets a # with the alert's anchor.
  const hasPlace = filled !== text || !text.includes("#");
  // It stands in a template.
  return url !== undefined && /^https?:$/.test(url.protocol) && !url.username && !url.password &&
    hasPlace && !/[{}\s\p{Cc}]/u.test(filled);
}
