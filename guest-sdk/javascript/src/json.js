// JSON that keeps whole numbers whole: what is beyond 2^53 is a `bigint`, in both directions.
//
// The engine's own functions do the work unless a text holds such a number, which a cheap look tells.

import { JsonError } from "./errors.js";

/** A run of digits long enough to be beyond 2^53. */
const LONG = /[0-9]{16}/;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;

/** Read JSON text; `of` names what it belongs to, a type of event or a key, in the error. */
export function parse(text, of = "a value") {
  try {
    return LONG.test(text) ? new Reader(text).whole() : JSON.parse(text);
  } catch (cause) {
    throw new JsonError(`${of}: not JSON: ${cause.message}`, { cause });
  }
}

/** Write a value as JSON text; `of` names what it belongs to in the error. */
export function stringify(value, of = "a value") {
  const text = write(value, of);
  if (text === undefined) throw new JsonError(`${of}: ${typeof value} has no form in JSON`);
  return text;
}

function write(value, of) {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    if (!/bigint/i.test(cause.message)) throw new JsonError(`${of}: ${cause.message}`, { cause });
    return exact(value);
  }
}

/** As `JSON.stringify`, with bigints as numbers. Called only for values that have some, and no cycles. */
function exact(value) {
  if (typeof value === "bigint") return value.toString();
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (typeof value.toJSON === "function") return exact(value.toJSON());
  if (Array.isArray(value)) return `[${value.map((item) => exact(item) ?? "null").join(",")}]`;
  const members = Object.entries(value).map(([name, item]) => [JSON.stringify(name), exact(item)]);
  const there = members.filter(([, item]) => item !== undefined);
  return `{${there.map(([name, item]) => `${name}:${item}`).join(",")}}`;
}

/** Reads containers and numbers itself and leaves strings to the engine. */
class Reader {
  #text;
  #at = 0;

  constructor(text) {
    this.#text = text;
  }

  whole() {
    const value = this.#value();
    if (this.#next() !== undefined) this.#fail();
    return value;
  }

  #value() {
    const next = this.#next();
    if (next === "{") return this.#object();
    if (next === "[") return this.#array();
    if (next === '"') return this.#string();
    for (const [word, value] of [["true", true], ["false", false], ["null", null]]) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    }
    return this.#number();
  }

  #number() {
    NUMBER.lastIndex = this.#at;
    const found = NUMBER.exec(this.#text);
    if (!found) this.#fail();
    this.#at = NUMBER.lastIndex;
    const number = Number(found[0]);
    const whole = found[1] === undefined && found[2] === undefined;
    return whole && !Number.isSafeInteger(number) ? BigInt(found[0]) : number;
  }

  #string() {
    const from = this.#at;
    for (let at = from + 1; at < this.#text.length; at += 1) {
      if (this.#text[at] === "\\") at += 1;
      else if (this.#text[at] === '"') {
        this.#at = at + 1;
        return JSON.parse(this.#text.slice(from, this.#at));
      }
    }
    return this.#fail();
  }

  #array() {
    const items = [];
    this.#at += 1;
    if (this.#take("]")) return items;
    do items.push(this.#value());
    while (this.#take(","));
    if (!this.#take("]")) this.#fail();
    return items;
  }

  #object() {
    const members = {};
    this.#at += 1;
    if (this.#take("}")) return members;
    do {
      if (this.#next() !== '"') this.#fail();
      const name = this.#string();
      if (!this.#take(":")) this.#fail();
      // Not an assignment: `__proto__` is a name like any other.
      const value = this.#value();
      Object.defineProperty(members, name, { value, enumerable: true, writable: true, configurable: true });
    } while (this.#take(","));
    if (!this.#take("}")) this.#fail();
    return members;
  }

  /** The next character that is no white space, or nothing. */
  #next() {
    while (" \t\n\r".includes(this.#text[this.#at] ?? "x")) this.#at += 1;
    return this.#text[this.#at];
  }

  #take(mark) {
    const there = this.#next() === mark;
    if (there) this.#at += 1;
    return there;
  }

  #fail() {
    throw new SyntaxError(`unexpected ${JSON.stringify(this.#text[this.#at] ?? "end")} at position ${this.#at}`);
  }
}
