/** Takes what is secret out of a text that somebody may read. */
export type Redact = (text: string) => string;

const HIDDEN = "[redacted]";

/** What looks like a credential even when nobody has named it: a bearer header, a JSON Web Token. */
const CREDENTIALS = [
  /(?<=\bbearer\s+)[\w.~+/=-]{8,}/gi,
  /\beyJ[\w-]+\.[\w-]+\.[\w-]*/g,
];

/** Redacts every secret that it has been told of, and what looks like a credential. */
export function createRedactor(): { redact: Redact; hide: (secret: string) => void } {
  // Old tokens are hidden too: a late answer may still show one.
  const secrets: string[] = [];
  const MOST_SECRETS = 20;
  return {
    hide(secret) {
      if (secret.length < 4 || secrets.includes(secret)) return;
      secrets.unshift(secret);
      secrets.splice(MOST_SECRETS);
    },
    redact(text) {
      const named = secrets.reduce((left, secret) => left.replaceAll(secret, HIDDEN), text);
      return CREDENTIALS.reduce((left, pattern) => left.replace(pattern, HIDDEN), named);
    },
  };
}

/** An error's message with that of its cause, where this says more. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error
    ? `${error.message}: ${messageOf(error.cause)}`
    : error.message;
}
