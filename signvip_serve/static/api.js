// Asks the server. What it refuses is an error with its sentence; a server that does not answer is `Gone`.

export class Gone extends Error {
  constructor() {
    super("The server does not answer; trying again.");
  }
}

export class Refused extends Error {
  constructor(sentence, status) {
    super(sentence);
    this.status = status;
  }
}

const KEPT = "signvip-token";
let token = sessionStorage.getItem(KEPT) || "";

export function setToken(given) {
  token = given.trim();
  sessionStorage.setItem(KEPT, token);
}

/** Return the response of a path; throw `Refused`, `Gone`, or the `AbortError` of a signal. */
export async function ask(path, options = {}) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const got = await fetch(path, { ...options, headers }).catch((error) => {
    throw error.name === "AbortError" ? error : new Gone();
  });
  if (got.ok) return got;
  const told = await got.json().catch(() => ({}));
  const sentence = typeof told.detail === "string" ? told.detail : `The server answered ${got.status}; try again.`;
  throw new Refused(sentence, got.status);
}

export async function askJson(path, options) {
  return (await ask(path, options)).json();
}

/** Return what a path has, or null where the server or this model has none of it. */
export async function askMaybe(path, options) {
  try {
    return await askJson(path, options);
  } catch (error) {
    if (error instanceof Refused && [404, 405, 409].includes(error.status)) return null;
    throw error;
  }
}

/** Save a path's file, also where it wants a token, which a plain link does not send. */
export async function save(path, name) {
  const content = await (await ask(path)).blob();
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(content), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
