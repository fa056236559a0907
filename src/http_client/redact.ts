/** Removes secrets from a text that somebody may read. */
export type Redact = (text: string) => string;

export type Redactor = {
  redact: Redact;
  /** Hides this secret from now on. */
  hide: (secret: string) => void;
  /** Hides a token; of many the oldest are forgotten, since they have long expired. */
  hideToken: (token: string) => void;
};

const HIDDEN = "[redacted]";
const MAX_TOKENS = 20;

/** A shorter secret would blank out ordinary words. */
const MIN_SECRET_LENGTH = 4;

/**
 * Texts that look like a credential: a bearer header (RFC 6750), a JSON Web Token (RFC 7519). The
 * lengths are bounded, so that no text can make the search slow.
 */
const BEARER = /\b(bearer\s{1,9})[\w.~+/=-]{8,8000}/gi;
const WEB_TOKEN = /\beyJ[\w-]{1,8000}\.[\w-]{1,8000}\.[\w-]{0,8000}/g;

/**
 * Creates a redactor of known secrets, also in the forms that they take in a URL, a posted form and
 * JSON, and of whatever looks like a credential.
 */
export function createRedactor(): Redactor {
  const secrets = new Set<string>();
  let tokens: string[] = [];
  /** Made when a text is redacted: tokens change more often than that. */
  let forms: string[] | null = null;

  function allForms(): string[] {
    const all = [...secrets, ...tokens].filter(({ length }) => length >= MIN_SECRET_LENGTH);
    // Longest first: one may be the beginning of another.
    return [...new Set(all.flatMap(formsOf))].sort((a, b) => b.length - a.length);
  }

  return {
    redact(text) {
      forms ??= allForms();
      const withoutSecrets = forms.reduce((left, form) => left.replaceAll(form, HIDDEN), text);
      return withoutSecrets.replace(BEARER, `$1${HIDDEN}`).replace(WEB_TOKEN, HIDDEN);
    },
    hide(secret) {
      if (secrets.has(secret)) return;
      secrets.add(secret);
      forms = null;
    },
    hideToken(token) {
      tokens = [token, ...tokens.filter((each) => each !== token)].slice(0, MAX_TOKENS);
      forms = null;
    },
  };
}

function formsOf(secret: string): string[] {
  return [
    secret,
    encodeURIComponent(secret),
    new URLSearchParams({ "": secret }).toString().slice(1),
    JSON.stringify(secret).slice(1, -1),
  ];
}
