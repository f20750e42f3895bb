// Stacks in the words of the sources: a component is one file made of many.
//
// `build.js` appends where its lines come from: runs of [first line of the bundle, file, line in the file, lines].

/** Under which name the lines are kept. */
export const LINES = "warren.lines";

const FRAME = /\(?[^\s()]*?:(\d+)(?::\d+)?\)?$/;

/** The stack of an error with places in the sources; frames of the SDK are left out. */
export function stackOf(error) {
  const runs = globalThis[Symbol.for(LINES)];
  const frames = String(error.stack ?? "").split("\n");
  if (!runs) return frames.join("\n");
  return frames.map((frame) => inSources(frame, runs)).filter(Boolean).join("\n");
}

function inSources(frame, runs) {
  const found = FRAME.exec(frame);
  if (!found) return frame;
  const line = Number(found[1]);
  const run = runs.find(([first, , , count]) => line >= first && line < first + count);
  if (!run) return "";
  const [first, file, from] = run;
  return frame.replace(FRAME, `(${file}:${from + line - first})`);
}
