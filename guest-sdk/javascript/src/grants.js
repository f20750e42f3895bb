// What an agent may ask for.

/** All grants there are, by their words in manifests. */
export const GRANTS = Object.freeze([
  "events:publish",
  "events:call",
  "registry:read",
  "working:read",
  "working:write",
  "knowledge:read",
  "knowledge:write",
  "episodes:read",
  "episodes:write",
  "procedures:read",
  "procedures:write",
]);

/** What a grant to ask a host over HTTP begins with: `http:api.example.com`. */
const HTTP = "http:";

/**
 * The grants that these words mean, in order: `working` is both of `working:read` and `working:write`. Hosts
 * (`http:HOST`) come last, as they are: Warren reads them.
 */
export function grantsOf(words) {
  for (const word of words) {
    if (!word.startsWith(HTTP) && !GRANTS.some((grant) => means(word, grant))) {
      throw new TypeError(`there is no grant ${JSON.stringify(word)}; there are: ${GRANTS.join(", ")}`);
    }
  }
  const hosts = new Set(words.filter((word) => word.startsWith(HTTP)));
  return [...GRANTS.filter((grant) => words.some((word) => means(word, grant))), ...hosts];
}

function means(word, grant) {
  return word === grant || grant.startsWith(`${word}:`);
}
