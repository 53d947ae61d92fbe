// A token is shown once, to its owner. It is in no log and in no file, whatever was done with it.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { HASH, register, registerNode } from './support/cycle.js';
import { call } from './support/http.js';
import { startServer } from './support/server.js';
import { WAYS, http } from './support/ways.js';

const MARK = 'a name that the data directory must contain';
const SECRET = /^nl[cn]_[1-9][0-9]*_([A-Za-z0-9_-]{43})$/;

/** How a party of each kind registers. */
const REGISTER = {
  client: (way) => register(way, { name: MARK }),
  node: (way) => registerNode(way, { hash: HASH, information: { name: MARK } }),
};

/** All bytes of all files below `folder`. */
function contents(folder) {
  const files = readdirSync(folder, { recursive: true }).map((name) => path.join(folder, name));
  return Buffer.concat(files.filter((file) => statSync(file).isFile()).map((file) => readFileSync(file)));
}

/** Has the instance make, use, refuse and drop tokens of `kind` on one way; returns every token it issued. */
async function everyFlow(open, server, kind) {
  const anybody = (await http(server)).as(kind);
  const way = (await open(server)).as(kind);
  const { token: first } = await REGISTER[kind](way);
  await way.accepted({ action: 'login', parameters: { token: first } });
  await way.accepted({ action: 'update', token: first, parameters: { information: { name: MARK } } });
  const wrong = `${first.slice(0, -1)}${first.endsWith('A') ? 'E' : 'A'}`;
  await way.refused({ action: 'login', parameters: { token: wrong } }, 'invalid_token');
  await way.refused({ action: 'login', parameters: { token: first }, token: wrong }, 'invalid_parameters');
  await way.refused({ action: first }, 'unknown_action');
  await way.refused({ action: 'update', parameters: { token: first, information: first } }, 'invalid_information');
  const { token: unused } = await way.accepted({ action: 'rotateToken', parameters: { token: first } });
  await anybody.accepted({ action: 'login', token: unused });
  const { token: second } = await REGISTER[kind](anybody);
  const again = (await open(server)).as(kind);
  const { token: third } = await again.accepted({ action: 'rotateToken', parameters: { token: second } });
  await again.accepted({ action: 'delete', authentication: { token: third } });
  return [first, unused, second, third];
}

for (const format of ['text', 'json']) {
  test(`no token is in the ${format} log or on the disk`, async (t) => {
    const server = await startServer(t, { env: { NILE_LOG_LEVEL: 'trace', NILE_LOG_FORMAT: format } });
    const tokens = [];
    for (const open of Object.values(WAYS)) {
      for (const kind of Object.keys(REGISTER)) tokens.push(...(await everyFlow(open, server, kind)));
    }
    const [token] = tokens;
    await call(server, { action: 'login' }, { headers: { authorization: `Bearer ${token}` } });
    await call(server, `{"action":"login","token":"${token}"`, { method: 'POST' });
    await call(server, { action: 'login' }, { path: `/client/to/instance/?token=${token}` });

    const whileServing = contents(server.dataDir);
    await server.stop();
    const places = { 'the log': Buffer.from(server.log), 'the disk while serving': whileServing, 'the disk': contents(server.dataDir) };
    assert.ok(places['the disk'].includes(MARK), 'what is kept is found by this search');
    assert.ok(places['the log'].length > 1000, 'there is a log at this level');
    for (const [place, bytes] of Object.entries(places)) {
      for (const issued of tokens) {
        const [, secret] = SECRET.exec(issued);
        assert.ok(!bytes.includes(issued), `a token is in ${place}`);
        assert.ok(!bytes.includes(secret), `the secret of a token is in ${place}`);
        assert.ok(!bytes.includes(Buffer.from(secret, 'base64url')), `the secret of a token is in ${place} as bytes`);
      }
    }
    if (format === 'json') {
      for (const line of server.log.trim().split('\n')) assert.doesNotThrow(() => JSON.parse(line), line);
    }
  });
}
