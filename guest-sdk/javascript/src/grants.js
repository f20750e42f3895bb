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

/** The grants that these words mean, in order: `working` is both of `working:read` and `working:write`. */
export function grantsOf(words) {
  for (const word of words) {
    if (!GRANTS.some((grant) => means(word, grant))) {
      throw new TypeError(`there is no grant ${JSON.stringify(word)}; there are: ${GRANTS.join(", ")}`);
    }
  }
  return GRANTS.filter((grant) => words.some((word) => means(word, grant)));
}

function means(word, grant) {
  return word === grant || grant.startsWith(`${word}:`);
}
