// What JavaScript programs take for granted, from the host: time, randomness and the console.
//
// A component is a snapshot of a program that has started. Whatever the engine had of its own would say the time of
// the build and repeat the same random numbers in every turn.

const LEVELS = { trace: "trace", debug: "debug", log: "info", info: "info", warn: "warn", error: "error" };
/** Random bytes are fetched this many at a time: `Math.random` is called in loops. */
const POOL_BYTES = 512;
const POOL_WORDS = 2;

/** Put the host's time, randomness and log in place of the engine's. */
export function install(host) {
  installClock(host);
  installRandom(host);
  globalThis.console = Object.fromEntries(
    Object.entries(LEVELS).map(([name, level]) => [name, (...words) => host.log.log(level, words.map(shown).join(" "), [])]),
  );
}

function installClock({ clock }) {
  const Real = Date;
  const now = () => Real.parse(clock.now());
  class HostDate extends Real {
    constructor(...args) {
      if (args.length === 0) super(now());
      else super(...args);
    }
  }
  HostDate.now = now;
  const called = new Proxy(HostDate, { apply: () => new HostDate().toString() });
  Object.defineProperty(HostDate, "name", { value: "Date" });
  Object.defineProperty(HostDate.prototype, "constructor", { value: called, writable: true, configurable: true });
  globalThis.Date = called;
  globalThis.performance = { now: () => clock.elapsedMs() };
}

function installRandom({ random }) {
  let words = [];
  const word = () => {
    if (words.length < POOL_WORDS) {
      words = [...new Uint32Array(Uint8Array.from(random.bytes(POOL_BYTES)).buffer)];
    }
    return words.pop();
  };
  // 53 random bits: as many as a number between 0 and 1 has.
  Math.random = () => ((word() >>> 5) * 67_108_864 + (word() >>> 6)) / 9_007_199_254_740_992;
  const fill = (array) => {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    if (bytes.length > 0) bytes.set(Uint8Array.from(random.bytes(bytes.length)));
    return array;
  };
  globalThis.crypto = { getRandomValues: fill, randomUUID: () => uuid(fill(new Uint8Array(16))) };
}

function uuid(bytes) {
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

function shown(value) {
  if (typeof value === "string") return value;
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
