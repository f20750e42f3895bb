// Whole numbers stay whole, everything else is as the engine does it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { JsonError } from "../src/errors.js";
import { parse, stringify } from "../src/json.js";

test("numbers beyond 2^53 are bigints in both directions", () => {
  for (const [text, value] of [
    ["9007199254740991", 9007199254740991],
    ["9007199254740993", 9007199254740993n],
    ["-18446744073709551615", -18446744073709551615n],
    ['{"a":[1,12345678901234567890],"b":"1234567890123456789"}', { a: [1, 12345678901234567890n], b: "1234567890123456789" }],
    ['[true,false,null,"\\"\\\\",{},[],1e2,-0.5,12345678901234567890]', [true, false, null, '"\\', {}, [], 100, -0.5, 12345678901234567890n]],
  ]) {
    assert.deepEqual(parse(text), value, text);
    assert.deepEqual(parse(stringify(value)), value, text);
  }
  assert.equal(parse(" [ 1234567890123456.5 , 1 ] ")[0], 1234567890123456.5);
  assert.equal(parse('{"__proto__":12345678901234567890}').__proto__, 12345678901234567890n);
});

test("what is left out of JSON is left out beside bigints too", () => {
  const value = { day: new Date(0), gone: undefined, list: [undefined, 12345678901234567890n] };
  assert.equal(stringify(value), '{"day":"1970-01-01T00:00:00.000Z","list":[null,12345678901234567890]}');
});

test("what is no JSON is an error that names it", () => {
  const bad = ["", "{", "1234567890123456 7", "[1234567890123456,]", '{"a" 1234567890123456}', '"1234567890123456', "01234567890123456"];
  for (const text of bad) assert.throws(() => parse(text, "the payload"), (error) => error instanceof JsonError && /the payload/.test(error.message), text);
  const cycle = {};
  cycle.self = cycle;
  for (const value of [undefined, () => 1, cycle]) assert.throws(() => stringify(value, "the value"), JsonError);
});
