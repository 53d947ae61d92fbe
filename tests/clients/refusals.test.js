// Every request that cannot be served is answered, with the same code on every way in.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ANNA, logged, register } from './support/cycle.js';
import { call } from './support/http.js';
import { startServer } from './support/server.js';
import { SocketIoConnection } from './support/socketio.js';
import { WAYS, checkProblem, checkRefusal, rawWebSocket } from './support/ways.js';
import { RawConnection } from './support/websocket.js';

const SOME_TOKEN = `nlc_1_${'A'.repeat(43)}`;
const WITH_TOKEN = ['login', 'update', 'delete', 'rotateToken'];

/** A request that lacks nothing but what the test takes from it. */
const request = (action, parameters, rest) => ({
  action,
  parameters: { ...(action === 'update' && { information: ANNA }), ...parameters },
  ...rest,
});

/** What no way accepts, whatever is in the store: `[what, request, code, field]`. */
const REFUSED = [
  ['a body that is an array', [], 'invalid_request'],
  ['a body that is a string', 'register', 'invalid_request'],
  ['a body that is a number', 5, 'invalid_request'],
  ['a body that is null', null, 'invalid_request'],
  ['a body without an action', { parameters: { information: ANNA } }, 'invalid_request'],
  ['an action that is a number', { action: 5 }, 'invalid_request'],
  ['an action that is null', { action: null }, 'invalid_request'],
  ['an action that is an object', { action: { login: true } }, 'invalid_request'],
  ['an action that nobody knows', { action: 'fly', id: 'a' }, 'unknown_action'],
  ['an action in capitals', { action: 'REGISTER', id: 2 }, 'unknown_action'],
  ['an action with a blank', { action: 'login ', id: 2 }, 'unknown_action'],
  ["an action of JavaScript's own", { action: 'constructor', id: 2 }, 'unknown_action'],
  ['parameters that are a number', { action: 'login', parameters: 5 }, 'invalid_parameters', 'parameters'],
  ['parameters that are an array', { action: 'register', parameters: [] }, 'invalid_parameters', 'parameters'],
  ['parameters that are null', { action: 'update', parameters: null }, 'invalid_parameters', 'parameters'],
  ['NUL in an action', { action: 'pi\0ng' }, 'invalid_request'],
  ['NUL in a token', request('login', { token: `${SOME_TOKEN.slice(0, -1)}\0` }), 'invalid_request'],
  ['NUL in a key', { action: 'ping', parameters: { 'a\0': 1 } }, 'invalid_request'],
  ['half a surrogate pair', { action: 'ping', parameters: { note: '\ud800' } }, 'invalid_request'],
  ['a thousand levels', { action: 'ping', parameters: { deep: JSON.parse('['.repeat(1000) + ']'.repeat(1000)) } }, 'invalid_request'],
  ['a registration without parameters', { action: 'register', id: 3 }, 'invalid_parameters', 'information'],
  ['a registration without information', request('register', {}), 'invalid_parameters', 'information'],
  [
    'an update without information',
    { action: 'update', parameters: { token: SOME_TOKEN } },
    'invalid_parameters',
    'information',
  ],
  ['a limit that is a string', request('login', { token: SOME_TOKEN, limit: '1' }), 'invalid_parameters', 'limit'],
  ['a limit below zero', request('login', { token: SOME_TOKEN, limit: -1 }), 'invalid_parameters', 'limit'],
  ['a limit that is no integer', request('login', { token: SOME_TOKEN, limit: 1.5 }), 'invalid_parameters', 'limit'],
  ...WITH_TOKEN.flatMap((action) => [
    [`${action} without a token`, request(action, {}, { id: 4 }), 'invalid_parameters', 'token'],
    [`${action} with a number as token`, request(action, { token: 5 }), 'invalid_parameters', 'token'],
    [`${action} with null as token`, request(action, { token: null }), 'invalid_parameters', 'token'],
    [
      `${action} with an object as authentication.token`,
      request(action, {}, { authentication: { token: {} } }),
      'invalid_parameters',
      'token',
    ],
    [
      `${action} with two different tokens`,
      request(action, { token: SOME_TOKEN }, { token: `${SOME_TOKEN}A` }),
      'invalid_parameters',
      'token',
    ],
    [
      `${action} with two different tokens, one of them in authentication`,
      request(action, {}, { token: SOME_TOKEN, authentication: { token: 'another' } }),
      'invalid_parameters',
      'token',
    ],
  ]),
];

/** What is no token of a client: `[what, token]`. */
const NO_TOKENS = [
  ['an empty string', ''],
  ['a word', 'SECRET_TOKEN'],
  ['a token of nobody', SOME_TOKEN.replace('_1_', '_999999_')],
  ['the number of somebody with another secret', SOME_TOKEN],
  ['a number that is no number', SOME_TOKEN.replace('_1_', '_-1_')],
  ['a number beyond all numbers', SOME_TOKEN.replace('_1_', `_${'9'.repeat(40)}_`)],
  ['a token cut short', SOME_TOKEN.slice(0, -1)],
  ['a very long token', SOME_TOKEN + 'A'.repeat(5000)],
  ['a token with a quotation mark in it', `${SOME_TOKEN.slice(0, -1)}'`],
];

for (const [name, open] of Object.entries(WAYS)) {
  test(`${name}: what cannot be served is refused with its code`, async (t) => {
    const server = await startServer(t);
    const way = await open(server);
    const anna = await register(way);

    for (const [what, body, code, field] of REFUSED) {
      await t.test(what, () => way.refused(body, code, field));
    }
    for (const [what, token] of NO_TOKENS) {
      await t.test(`${what} is no token`, async () => {
        for (const action of WITH_TOKEN) {
          const refusal = await way.refused(request(action, { token }, { id: 'x' }), 'invalid_token');
          if (action === 'login') assert.equal(refusal.msg, 'token not valid');
        }
      });
    }
    await t.test("a node's token is no token", async () => {
      const token = anna.token.replace('nlc_', 'nln_');
      for (const action of WITH_TOKEN) await way.refused(request(action, { token }), 'invalid_token');
    });
    await t.test('a deleted token is no token, and is refused as one that never was', async () => {
      const { token } = await register(way);
      const { token: deleter } = await register(way);
      await way.accepted(request('delete', { token: deleter }));
      const again = name === 'HTTP' ? way : await open(server);
      const gone = await again.refused(request('login', { token: deleter }), 'invalid_token');
      const never = await again.refused(request('login', { token: SOME_TOKEN }), 'invalid_token');
      assert.deepEqual(gone, never);
      await again.accepted(request('login', { token }));
    });
    await t.test('and nothing of all this has changed anything', async () => {
      const again = name === 'HTTP' ? way : await open(server);
      const welcome = await again.accepted(request('login', { token: anna.token }));
      assert.deepEqual(welcome, logged(anna.id, ANNA));
    });
  });
}

/** What cannot be repeated in an answer, so that it is refused without an id. */
const NO_IDS = [null, true, 1.5, 2 ** 53, {}, ['a'], 'x'.repeat(65), 'ü'.repeat(33)];

test('an id that is neither a small integer nor a short string is refused', async (t) => {
  const server = await startServer(t);
  const { connection } = await rawWebSocket()(server);
  const client = await SocketIoConnection.open(server);
  for (const id of NO_IDS) {
    await t.test(JSON.stringify(id), async () => {
      const answers = [
        await connection.request({ action: 'ping', id }),
        await client.request({ action: 'ping', id }),
        await client.ask({ action: 'ping', id }),
      ];
      for (const answer of answers) {
        assert.deepEqual(answer, { action: 'pingFailed', parameters: answer.parameters });
        checkRefusal(answer.parameters, 'invalid_parameters', 'id');
      }
      checkProblem(await call(server, { action: 'ping', id }), 'invalid_parameters', 'id');
    });
  }
});

test('the token is found wherever a client may put it', async (t) => {
  const server = await startServer(t);
  for (const [name, open] of Object.entries(WAYS)) {
    await t.test(name, async () => {
      const way = await open(server);
      const { token, id } = await register(way);
      const welcome = logged(id, ANNA);
      assert.deepEqual(await way.accepted({ action: 'login', parameters: { token } }), welcome);
      assert.deepEqual(await way.accepted({ action: 'login', token }), welcome);
      assert.deepEqual(await way.accepted({ action: 'login', authentication: { token } }), welcome);
      const everywhere = { parameters: { token }, token, authentication: { token } };
      assert.deepEqual(await way.accepted({ action: 'login', ...everywhere }), welcome);
      assert.deepEqual(await way.accepted({ action: 'login', token, parameters: { limit: 0 } }), welcome);
    });
  }
});

/** Bodies that `JSON.stringify` does not make. */
const NOT_A_BODY = [
  ['nothing but a brace', '{'],
  ['a word', 'register'],
  ['two documents', '{"action":"ping"} {"action":"ping"}'],
  ['a trailing comma', '{"action":"ping",}'],
  ['NaN', '{"action":"ping","parameters":{"x":NaN}}'],
  ['an action twice', '{"action":"ping","action":"register"}'],
  ['parameters twice', '{"action":"ping","parameters":{},"parameters":{"x":1}}'],
  ['a token twice', `{"action":"login","token":"${SOME_TOKEN}","token":"${SOME_TOKEN}"}`],
  ['an id twice', '{"action":"ping","id":1,"id":2}'],
  ['an action twice, once in escapes', '{"action":"ping","\\u0061ction":"register"}'],
];

test('HTTP: what is no request is refused', async (t) => {
  const server = await startServer(t);
  for (const [what, text] of [['an empty body', ''], ...NOT_A_BODY]) {
    await t.test(what, async () => {
      checkProblem(await call(server, text, { method: 'POST' }), 'invalid_request');
      checkProblem(await call(server, text, { method: 'PUT' }), 'invalid_request');
    });
  }
});

test('a bare WebSocket: what is no request is refused, and the connection stays', async (t) => {
  const server = await startServer(t);
  const connection = await RawConnection.open(server);
  const frames = [
    ...NOT_A_BODY.map(([what, body]) => [what, `{"event":"client.to.instance","body":${body}}`]),
    ['a frame that is not JSON', 'hello'],
    ['an empty frame', ''],
    ['a frame that is an array', '["client.to.instance",{"action":"ping"}]'],
    ['a frame that is a string', '"ping"'],
    ['a frame without an event', '{"body":{"action":"ping"}}'],
    ['a frame whose event is a number', '{"event":5,"body":{"action":"ping"}}'],
    ['a frame without a body', '{"event":"client.to.instance"}'],
    ['an event that is no channel', '{"event":"client.to.nowhere","body":{"action":"ping"}}'],
    ['an event of the other direction', '{"event":"instance.to.client","body":{"action":"ping"}}'],
    ['an event twice', '{"event":"client.to.nowhere","event":"client.to.instance","body":{"action":"ping"}}'],
    ['a body twice', '{"event":"client.to.instance","body":{"action":"ping"},"body":{"action":"ping"}}'],
  ];
  for (const [what, frame] of frames) {
    await t.test(what, async () => {
      connection.send(frame);
      const { action, parameters } = await connection.next();
      assert.ok(['error', 'pingFailed', 'loginFailed'].includes(action), action);
      checkRefusal(parameters, 'invalid_request');
      assert.equal((await connection.request({ action: 'ping' })).action, 'pinged');
    });
  }
});

test('Socket.IO: what is no request is refused, and the connection stays', async (t) => {
  const server = await startServer(t);

  await t.test('an event that is no channel', async () => {
    for (const version of [2, 3, 4]) {
      const connection = await SocketIoConnection.open(server, { version });
      for (const channel of ['client.to.nowhere', 'instance.to.client', 'message', 'client.to.instance ', '__proto__']) {
        const body = { action: 'register', parameters: { information: ANNA } };
        const replies = [await connection.request(body, channel), await connection.ask(body, channel)];
        for (const { action, parameters } of replies) {
          assert.equal(action, 'error');
          checkRefusal(parameters, 'invalid_request');
        }
      }
    }
  });

  await t.test('an event without a body', async () => {
    const connection = await SocketIoConnection.open(server);
    connection.socket.emit('client.to.instance');
    const { action, parameters } = await connection.next();
    assert.equal(action, 'error');
    checkRefusal(parameters, 'invalid_request');
  });

  await t.test('a key of the envelope twice', async () => {
    const connection = await RawConnection.open(server, { path: '/socket.io/?EIO=4&transport=websocket&spelling=plain' });
    assert.match(await connection.nextFrame(), /^0\{/);
    connection.send('40');
    assert.match(await connection.nextFrame(), /^40\{/);
    for (const [what, body] of NOT_A_BODY.filter(([what]) => what.includes('twice'))) {
      connection.send(`42["client.to.instance",${body}]`);
      const frame = await connection.nextFrame();
      assert.match(frame, /^42\["instance\.to\.client",/, what);
      checkRefusal(JSON.parse(frame.slice(2))[1].parameters, 'invalid_request');
    }
  });
});

test('a refused request does not disturb the ones around it', async (t) => {
  const server = await startServer(t);
  const { connection } = await rawWebSocket()(server);
  const frame = (body) => JSON.stringify({ event: 'client.to.instance', body });
  for (let id = 0; id < 300; id += 3) {
    connection.send(frame({ action: 'ping', id }));
    connection.send(frame({ action: 'login', parameters: { token: 'x' }, id: id + 1 }));
    connection.send(frame({ action: 'register', parameters: { information: ANNA }, id: id + 2 }));
  }
  const expected = ['pinged', 'loginFailed', 'registered'];
  for (let id = 0; id < 300; id += 1) {
    const reply = await connection.next();
    assert.deepEqual([reply.id, reply.action], [id, expected[id % 3]], 'answers come in the order of the requests');
  }
});
