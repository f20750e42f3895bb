#!/usr/bin/env node
// `warren-agent [DIR]`: an agent's sources to `dist/<name>.wasm`. What `warren build` runs.
//
// One file is made of the sources and what they import, with positions kept for stacks; then QuickJS starts it and is
// frozen. Prints the file's path, and nothing else, to stdout. Exit codes: 1 the sources are wrong, 2 the project is,
// 3 a tool is missing.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire, isBuiltin } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { inSources, LINES } from "./src/stack.js";

const SDK = dirname(fileURLToPath(import.meta.url));
/** Where the agent is unless package.json says so in `warren.agent`. */
const ENTRIES = ["src/agent.ts", "src/agent.js", "agent.ts", "agent.js"];
const OUT = "dist";
const EXIT = { sources: 1, project: 2, tool: 3 };

class Stop extends Error {
  constructor(exit, message) {
    super(message);
    this.exit = exit;
  }
}

async function main(dir) {
  const project = projectOf(dir);
  const esbuild = await tool(project, "esbuild");
  const { componentize } = await tool(project, "componentize-qjs");
  const { source, runs } = await bundle(esbuild, project);
  const out = join(dir, OUT, `${project.name}.wasm`);
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(join(dir, OUT, `${project.name}.js`), source);
  rmSync(out, { force: true });
  writeFileSync(out, await frozen(componentize, source, runs));
  console.log(out);
}

function projectOf(dir) {
  const file = join(dir, "package.json");
  if (!existsSync(file)) throw new Stop(EXIT.project, `${dir} is no JavaScript project: it has no package.json`);
  let said;
  try {
    said = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new Stop(EXIT.project, `${file}: ${error.message}`);
  }
  const entry = said.warren?.agent ?? ENTRIES.find((path) => existsSync(join(dir, path)));
  if (!entry || !existsSync(join(dir, entry))) {
    const looked = entry ? `\`warren.agent\` names ${entry}, which is not there` : `none of ${ENTRIES.join(", ")} is there`;
    throw new Stop(EXIT.project, `${file}: no agent found: ${looked}`);
  }
  if (!said.name) throw new Stop(EXIT.project, `${file}: it has no "name"`);
  return { dir, entry, name: said.name.replace(/^.*\//, "") };
}

/** A tool of the project, or one beside this SDK. */
async function tool(project, name) {
  for (const from of [join(project.dir, "package.json"), fileURLToPath(import.meta.url)]) {
    let path;
    try {
      path = createRequire(from).resolve(name);
    } catch {
      continue;
    }
    const module = await import(pathToFileURL(path).href);
    return module.default ?? module;
  }
  throw new Stop(EXIT.tool, `${name} is not installed in ${project.dir}`);
}

const NO_NODE =
  "there is no Node.js in a component: what the host offers is on `ctx`, and `crypto`, `Date` and `console` are there";

/** What cannot be resolved, in words of ours: those of esbuild advise what is of no use in a component. */
function explained(message) {
  const [, name] = /^Could not resolve "([^"]+)"/.exec(message.text) ?? [];
  if (name === undefined || /^[./]/.test(name)) return message;
  if (isBuiltin(name)) return { ...message, text: `${message.text}: ${NO_NODE}`, notes: [] };
  const [, of] = /^((?:@[^/]+\/)?[^/]+)/.exec(name);
  return { ...message, notes: [{ text: `run \`npm install ${of}\` in the project, or put the name right` }] };
}

async function tell(esbuild, kind, messages) {
  const told = await esbuild.formatMessages(messages.map(explained), { kind });
  for (const text of told) console.error(text.trimEnd());
}

async function bundle(esbuild, project) {
  const agent = JSON.stringify(`./${project.entry}`);
  const sdk = JSON.stringify(join(SDK, "src/component.js"));
  const entry = `import { component } from ${sdk};\nimport * as agent from ${agent};\n` +
    `export const { describe, handle } = component(agent.default);\n`;
  try {
    const built = await esbuild.build({
      stdin: { contents: entry, resolveDir: project.dir, sourcefile: "warren-entry.js" },
      absWorkingDir: project.dir,
      bundle: true,
      write: false,
      format: "esm",
      platform: "neutral",
      mainFields: ["module", "main"],
      conditions: ["import"],
      target: "es2022",
      charset: "utf8",
      treeShaking: true,
      external: ["warren:*", "wasi:*"],
      // `component` says it in words of ours.
      logOverride: { "import-is-undefined": "silent" },
      // One copy, whether the project has the SDK in a directory of its own or as a link.
      alias: { "warren-agent": join(SDK, "src/index.js") },
      sourcemap: "external",
      outfile: join(OUT, "agent.js"),
      logLevel: "silent",
    });
    await tell(esbuild, "warning", built.warnings);
    const [map, code] = [".map", ".js"].map((end) => built.outputFiles.find(({ path }) => path.endsWith(end)).text);
    const runs = runsOf(JSON.parse(map), project);
    return { runs, source: `${code}\nglobalThis[Symbol.for(${JSON.stringify(LINES)})] = ${JSON.stringify(runs)};\n` };
  } catch (error) {
    if (!error.errors) throw error;
    await tell(esbuild, "error", error.errors);
    throw new Stop(EXIT.sources, "");
  }
}

/** Where the lines of the bundle come from: [first line, file, line in the file, lines], without those of the SDK. */
function runsOf({ mappings, sources }, { dir }) {
  const runs = [];
  const files = sources.map((path) => relative(dir, resolve(dir, OUT, path)));
  const foreign = (file) => file === "warren-entry.js" || resolve(dir, file).startsWith(join(SDK, "src"));
  let [source, line] = [0, 0];
  mappings.split(";").forEach((segments, at) => {
    let first;
    for (const segment of segments.split(",").filter(Boolean)) {
      const [, bySource, byLine] = decoded(segment);
      if (bySource === undefined) continue;
      source += bySource;
      line += byLine;
      first ??= [files[source], line + 1];
    }
    if (!first || foreign(first[0])) return;
    const last = runs.at(-1);
    const follows = last && last[1] === first[0] && last[0] + last[3] === at + 1 && last[2] + last[3] === first[1];
    if (follows) last[3] += 1;
    else runs.push([at + 1, ...first, 1]);
  });
  return runs;
}

/** The numbers of a segment of a source map: base 64, five bits each, the lowest first, the sign in the last bit. */
function decoded(segment) {
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const numbers = [];
  let [value, shift] = [0, 0];
  for (const digit of segment) {
    const bits = digits.indexOf(digit);
    value |= (bits & 31) << shift;
    shift += 5;
    if (bits & 32) continue;
    numbers.push(value & 1 ? -(value >> 1) : value >> 1);
    [value, shift] = [0, 0];
  }
  return numbers;
}

async function frozen(componentize, jsSource, runs) {
  try {
    const made = await componentize({ witPath: join(SDK, "wit"), world: "agent", jsSource, sync: true, stubWasi: true });
    return made.component;
  } catch (error) {
    // Only the last of the toolchain's words are about the agent.
    const words = inSources(error.message, runs).replace(/^[^]*module evaluation: /, "").trim();
    throw new Stop(EXIT.sources, `the agent does not start: ${words}`);
  }
}

try {
  await main(resolve(process.argv[2] ?? "."));
} catch (error) {
  if (!(error instanceof Stop)) throw error;
  if (error.message) console.error(error.message);
  process.exitCode = error.exit;
}
