// What is special about HTTP: methods, paths, types, headers, and that a request stands alone.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ANNA, MOVED, logged, register } from './support/cycle.js';
import { PATH, call, send } from './support/http.js';
import { startServer } from './support/server.js';
import { checkProblem, http } from './support/ways.js';

test('HTTP', async (t) => {
  const server = await startServer(t);
  const way = await http(server);
  const { token, id } = await register(way);
  const bearer = { authorization: `Bearer ${token}` };

  await t.test('methods other than PUT and POST are answered 405, naming those two', async () => {
    for (const method of ['GET', 'DELETE', 'PATCH', 'HEAD']) {
      const answer = await send(server, { method });
      assert.equal(answer.status, 405, method);
      const allowed = answer.headers.get('allow').split(/\s*,\s*/);
      assert.ok(allowed.includes('PUT') && allowed.includes('POST'), allowed.join());
      assert.ok(!allowed.includes(method), allowed.join());
    }
  });

  await t.test('other paths are answered 404', async () => {
    const wrong = ['/', '/nothing', '/client', '/client/to', '/client/to/nowhere', `${PATH}/`, `${PATH}/x`, '/CLIENT/TO/INSTANCE'];
    for (const path of wrong) {
      assert.equal((await send(server, { path })).status, 404, `GET ${path}`);
      assert.equal((await call(server, { action: 'ping' }, { path })).status, 404, `POST ${path}`);
    }
  });

  await t.test('what is not declared as JSON is answered 415', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', 'text/json', '']) {
      const headers = type === '' ? {} : { 'content-type': type };
      // Bytes rather than a string: for a string, fetch would name a type by itself.
      const body = new TextEncoder().encode(JSON.stringify({ action: 'ping' }));
      const answer = await send(server, { method: 'POST', path: PATH, headers, body });
      assert.equal(answer.status, 415, type);
    }
  });

  await t.test('JSON may be declared with parameters and in capitals', async () => {
    for (const type of ['application/json; charset=utf-8', 'Application/JSON', 'application/json;charset=UTF-8']) {
      const answer = await call(server, { action: 'ping' }, { headers: { 'content-type': type } });
      assert.deepEqual([answer.status, answer.body], [200, { success: true }], type);
    }
  });

  await t.test('the token may come as a bearer', async () => {
    const login = await call(server, { action: 'login' }, { headers: bearer });
    assert.deepEqual([login.status, login.body], [200, logged(id, ANNA)]);
    const lowercase = await call(server, { action: 'login' }, { headers: { authorization: `bearer ${token}` } });
    assert.equal(lowercase.status, 200);
    const update = { action: 'update', parameters: { information: MOVED } };
    assert.deepEqual((await call(server, update, { headers: bearer })).body, {});
    const twice = await call(server, { action: 'login', parameters: { token } }, { headers: bearer });
    assert.deepEqual(twice.body, logged(id, MOVED));
  });

  await t.test('a bearer that is no token is refused, and so is one that differs from the body', async () => {
    const headers = { authorization: `Bearer ${token.slice(0, -4)}AAAA` };
    checkProblem(await call(server, { action: 'login' }, { headers }), 'invalid_token');
    checkProblem(await call(server, { action: 'login', parameters: { token } }, { headers }), 'invalid_parameters', 'token');
    checkProblem(await call(server, { action: 'login', token }, { headers }), 'invalid_parameters', 'token');
  });

  await t.test('PUT registers and does nothing else', async () => {
    for (const body of [{ action: 'ping' }, { action: 'login', token }, { action: 'delete', token }]) {
      checkProblem(await call(server, body, { method: 'PUT' }), 'invalid_request');
    }
    assert.equal((await call(server, { action: 'login', token })).status, 200);
  });

  await t.test('POST does not register', async () => {
    const body = { action: 'register', parameters: { information: ANNA } };
    checkProblem(await call(server, body, { method: 'POST' }), 'invalid_request');
  });

  await t.test('logout is forbidden: there is nothing to log out from', async () => {
    await way.refused({ action: 'logout' }, 'forbidden');
    await way.refused({ action: 'logout', parameters: { token } }, 'forbidden');
  });

  await t.test('a login is forgotten with its request: the next one needs the token again', async () => {
    await way.accepted({ action: 'login', parameters: { token } });
    await way.refused({ action: 'update', parameters: { information: ANNA } }, 'invalid_parameters', 'token');
  });

  await t.test('the instance says that it lives and that it can serve', async () => {
    assert.equal((await send(server, { path: '/healthz' })).status, 200);
    assert.equal((await send(server, { path: '/readyz' })).status, 200);
  });

  await t.test('answers with a token in them are kept by no cache', async () => {
    const answer = await call(server, { action: 'register', parameters: { information: ANNA } });
    assert.match(answer.headers.get('cache-control') ?? '', /no-store/);
  });
});
