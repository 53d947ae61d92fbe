// What is JSON to the instance is JSON to JavaScript, and means the same to both; the instance refuses more, and says
// what: halves of surrogate pairs, NUL, and keys that come twice in a request.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { call } from './support/http.js';
import { Peer } from './support/peer.js';
import { startServer } from './support/server.js';

/** How many documents there are; `NILE_TEST_FACTOR` multiplies it. */
const DOCUMENTS = 2000 * Number(process.env.NILE_TEST_FACTOR ?? 1);
/** So many are on their way at once, and wait in the queue. */
const BATCH = 200;
/** `NILE_TEST_SEED` repeats a course. */
const SEED = Number(process.env.NILE_TEST_SEED ?? Date.now() % 1e9);

/** Numbers below `bound`, in an order that is the seed's (mulberry32). */
function random(seed) {
  let state = seed;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

const SPACES = ['', '', '', '', ' ', '\n', '\r\n', '\t ', '  '];
const WORDS = ['null', 'true', 'false'];
const NUMBERS = ['0', '-0', '7', '-12', '1.5', '0.10', '1e2', '1E-07', '2e+3', '1e400', '9007199254740993', '123456789012345678901234567890', '-0.0e-0'];
const LETTERS = ['a', 'b', ' ', '/', 'é', '\u2028', '🍞', '\u{10ffff}', '\\"', '\\\\', '\\/', '\\n', '\\b', '\\u0041', '\\u00e9', '\\uFFFF', '\\ud83c\\udf5e', '\u007f'];
const UNREADABLE = ['\\u0000', '\\ud800', '\\udfff'];
const KEYS = ['a', 'b', '', 'parameters', 'action', '__proto__', 'constructor', '\\u0061', '0'];
/** What makes something else of a document, or nothing. */
const WRONG = ['"', '{', '}', '[', ']', ',', ':', '\\', '0', '-', '.', 'e', '+', 'n', '\u0001', '\n', '\u00a0', '\ufeff', '/', "'",
  '\\u', '\\uD83C', '\\x', '//', '/**/', 'NaN', 'undefined', ',,', '01'];
/** What ends a value, and goes on with the request that it stands in. */
const GOES_ON = [',"x":1', ', "id":1', ',"action":"ping"', ',"parameters":1', '} '];

function write(below, depth = 0) {
  const one = (of) => of[below(of.length)];
  const space = () => one(SPACES);
  const letter = () => one(below(100) ? LETTERS : UNREADABLE);
  const text = () => `"${Array.from({ length: below(6) }, letter).join('')}"`;
  const list = (item) => Array.from({ length: below(4) }, () => space() + item() + space()).join(',');
  const inner = () => write(below, depth + 1);
  switch (below(depth > 12 ? 4 : 8)) {
    case 0: return one(WORDS);
    case 1: return one(NUMBERS);
    case 2:
    case 3: return text();
    case 4:
    case 5: return `[${list(inner) || space()}]`;
    default: return `{${list(() => `"${one(KEYS)}"${space()}:${space()}${inner()}`) || space()}}`;
  }
}

/** Something is put in, left out, cut off or doubled. */
function alter(text, below) {
  const letters = Array.from(text);
  const at = below(letters.length + 1);
  switch (below(6)) {
    case 0: letters.push(GOES_ON[below(GOES_ON.length)]); break;
    case 4: letters.splice(at, 1); break;
    case 1: letters.splice(at, 1, WRONG[below(WRONG.length)]); break;
    case 2: letters.splice(at); break;
    case 3: letters.splice(at, 0, ...letters.slice(below(at + 1), at)); break;
    default: letters.splice(at, 0, WRONG[below(WRONG.length)]);
  }
  return letters.join('');
}

function parsed(text) {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

/** Whether everybody can read each string of a JSON text, also of what JavaScript drops since its key comes again. */
function isReadable(text) {
  const strings = (text.match(/"(?:[^"\\]|\\.)*"/g) ?? []).map((string) => JSON.parse(string));
  return strings.every((string) => string.isWellFormed() && !string.includes('\0'));
}

test(`what is JSON to JavaScript is JSON to the instance (NILE_TEST_SEED=${SEED})`, async (t) => {
  const server = await startServer(t, { env: { NILE_MESSAGES_PER_PAIR: '1000' } });
  const shop = await Peer.register(server, 'node', 'HTTP');
  const shopper = await Peer.register(server, 'client', 'HTTP');
  const below = random(SEED);
  const tally = { same: 0, 'no JSON': 0, 'not readable by all': 0, 'more than a value': 0 };

  /** Sends a document; the row that has to be in the queue, if it was taken. */
  const send = async (document) => {
    const request = `{"action":"queue","token":"${shopper.token}","recipient":${shop.id},"parameters":${document}}`;
    const { status, body } = await call(server, request, { method: 'POST' });
    const whole = parsed(request)?.value;
    const isTaken = status === 200;
    const isExpected = whole !== undefined && isReadable(request);
    if (whole === undefined) tally['no JSON'] += 1;
    else if (!isExpected) tally['not readable by all'] += 1;
    // It may have ended what it stands in, and gone on there.
    else if (!parsed(document)) tally['more than a value'] += 1;
    else tally.same += 1;
    if (isTaken !== isExpected && (isTaken || parsed(document))) {
      assert.fail(`${isTaken ? 'taken' : 'refused'}: ${JSON.stringify(document)} ${JSON.stringify(body)}`);
    }
    if (!isTaken) assert.ok([400, 422].includes(status), `${status}: ${JSON.stringify(document)}`);
    return isTaken ? [[body.queue_id, whole.parameters]] : [];
  };

  for (let done = 0; done < DOCUMENTS; done += BATCH) {
    const documents = Array.from({ length: BATCH }, () => {
      const document = write(below);
      return below(2) ? document : alter(document, below);
    });
    const taken = new Map((await Promise.all(documents.map(send))).flat());
    const { queue, more } = await shop.process();
    assert.equal(more, false);
    assert.equal(queue.length, taken.size);
    for (const row of queue) assert.deepEqual(row.content, taken.get(row.queue_id));
    assert.equal(await shop.remove(...taken.keys()), 0);
  }

  t.diagnostic(`${DOCUMENTS} documents: ${JSON.stringify(tally)}`);
  for (const [what, count] of Object.entries(tally)) assert.ok(count > DOCUMENTS / 200, `${count} ${what}`);
});
