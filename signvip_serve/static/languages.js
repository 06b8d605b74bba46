// Names of sign languages, in the reader's language and in their own.

/** Write { code, name, own_name } as one line: "German Sign Language · Deutsche Gebärdensprache". */
export function languageWords({ code, name, own_name: own }) {
  const read = readerName(code) ?? name ?? code;
  if (!own || read.startsWith(own)) return read;
  return own.startsWith(read) ? own : `${read} · ${own}`;
}

function readerName(code) {
  try {
    return new Intl.DisplayNames(navigator.languages, { type: "language", fallback: "none" }).of(code);
  } catch {
    return undefined; // not a code of ISO 639
  }
}
