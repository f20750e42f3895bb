// Stacks in the words of the sources: a component is one file made of many.
//
// `build.js` appends where its lines come from: runs of [first line of the bundle, file, line in the file, lines].

/** Under which name the lines are kept. */
export const LINES = "warren.lines";

const FRAME = /\(?[^\s()]*?:(\d+)(?::\d+)?\)?$/;

/** The stack of an error with places in the sources; frames of the SDK are left out. */
export function stackOf(error) {
  return inSources(String(error.stack ?? ""), globalThis[Symbol.for(LINES)]);
}

/** A text with the frames of a stack in it. */
export function inSources(text, runs) {
  if (!runs) return text;
  return text.split("\n").map((line) => frame(line, runs)).filter((line) => line !== undefined).join("\n");
}

function frame(text, runs) {
  const found = /^\s+at /.test(text) && FRAME.exec(text);
  if (!found) return text;
  const line = Number(found[1]);
  const run = runs.find(([first, , , count]) => line >= first && line < first + count);
  if (!run) return undefined;
  const [first, file, from] = run;
  return text.replace(FRAME, `(${file}:${from + line - first})`);
}
