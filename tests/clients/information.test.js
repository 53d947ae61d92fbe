// What a client may say of itself, and what is refused as `invalid_information`.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ANNA, logged, register } from './support/cycle.js';
import { call } from './support/http.js';
import { startServer } from './support/server.js';
import { WAYS, checkProblem } from './support/ways.js';

/** An object of `depth` objects, one in the other. */
const nested = (depth) => (depth === 1 ? {} : { inner: nested(depth - 1) });
const nestedArrays = (depth) => JSON.parse('['.repeat(depth) + ']'.repeat(depth));

/** An information object whose JSON has exactly `bytes` bytes. */
const sized = (bytes) => ({ note: 'x'.repeat(bytes - JSON.stringify({ note: '' }).length) });

/** An object with an own key that `{}` literals treat specially. */
const withKey = (key, value = 1) => JSON.parse(`{"${key}":${JSON.stringify(value)}}`);

const REFUSED = [
  ['a string', 'Anna'],
  ['an array', [ANNA]],
  ['a number', 5],
  ['null', null],
  ['a name that is a number', { name: 5 }],
  ['a name that is null', { name: null }],
  ['a name that is an object', { name: {} }],
  ['a location that is an array', { location: ['Ravenna'] }],
  ['a location that is false', { location: false }],
  ['a name of 257 code points', { name: 'a'.repeat(257) }],
  ['a location of 257 code points, each of four bytes', { location: '🍏'.repeat(257) }],
  ['4097 bytes', sized(4097)],
  ['17 levels of objects', nested(17)],
  ['16 levels of arrays in an object', { inner: nestedArrays(16) }],
  ['the key __proto__', withKey('__proto__')],
  ['the key __proto__ deep inside', { a: [{ b: withKey('__proto__', { admin: true }) }] }],
  ['the key constructor', withKey('constructor')],
  ['the key prototype', withKey('prototype')],
  ['NUL in a name', { name: 'An\0na' }],
  ['NUL in any other value', { note: ['\0'] }],
  ['NUL in a key', { 'no\0te': 1 }],
  ['a lone high surrogate', { name: '\ud800' }],
  ['a lone low surrogate', { note: 'x\udc00y' }],
  ['surrogates in the wrong order', { note: '\udc00\ud800' }],
  ['a lone surrogate in a key', { '\udfff': 1 }],
];

const ACCEPTED = [
  ['nothing', {}],
  ['an empty name and location', { name: '', location: '' }],
  ['a name of 256 code points, each of four bytes', { name: '🍏'.repeat(256) }],
  ['4096 bytes', sized(4096)],
  ['16 levels of objects', nested(16)],
  ['15 levels of arrays in an object', { inner: nestedArrays(15) }],
  ['keys of other meaning', { telephone: '+39 0544 000000', opening: { monday: null }, 'a key ': [1.5, -0.25, true] }],
  ['keys that only look dangerous', { __proto: 1, Constructor: 2, prototypes: 3, 'to"String': 4 }],
  ['every script and direction', { name: 'Zoë 日本 עברית \u202e🏳️‍🌈', location: "Robert'); DROP TABLE client;--" }],
  ['control characters other than NUL', { note: '\u0001\n\t\u007f' }],
];

for (const [name, open] of Object.entries(WAYS)) {
  test(`${name}: information`, async (t) => {
    const server = await startServer(t);
    const way = await open(server);
    const { token, id } = await register(way);

    for (const [what, information] of REFUSED) {
      await t.test(`${what} is refused at registration and update`, async () => {
        await way.refused({ action: 'register', parameters: { information }, id: 1 }, 'invalid_information');
        await way.refused({ action: 'update', parameters: { token, information }, id: 'u' }, 'invalid_information');
      });
    }
    await t.test('what was refused has changed nothing', async () => {
      const welcome = await way.accepted({ action: 'login', parameters: { token } });
      assert.deepEqual(welcome, logged(id, ANNA));
    });
    for (const [what, information] of ACCEPTED) {
      await t.test(`${what} is accepted and given back unchanged`, async () => {
        await way.accepted({ action: 'update', parameters: { token, information } });
        const welcome = await way.accepted({ action: 'login', parameters: { token } });
        assert.deepEqual(welcome, logged(id, information));
        const newcomer = await register(way, information);
        const greeting = await way.accepted({ action: 'login', parameters: { token: newcomer.token } });
        assert.deepEqual(greeting, logged(newcomer.id, information));
      });
    }
  });
}

test('information is measured as it was received, blanks and escapes included', async (t) => {
  const server = await startServer(t);
  const put = (information) =>
    call(server, `{"action":"register","parameters":{"information":${information}}}`, { method: 'PUT' });
  checkProblem(await put(`{"note":"x"${' '.repeat(4096)}}`), 'invalid_information');
  checkProblem(await put(`{"note":"${'\\u0061'.repeat(1000)}"}`), 'invalid_information');
  assert.equal((await put(`{"note":"x"${' '.repeat(2000)}}`)).status, 200);
});

test('information that is deep enough to break a careless parser is refused like any other', async (t) => {
  const server = await startServer(t);
  const deep = '['.repeat(30_000) + ']'.repeat(30_000);
  const body = `{"action":"register","parameters":{"information":{"a":${deep}}}}`;
  const answer = await call(server, body, { method: 'PUT' });
  assert.ok([400, 422].includes(answer.status), `${answer.status}`);
  assert.equal((await call(server, { action: 'ping' })).status, 200);
});
