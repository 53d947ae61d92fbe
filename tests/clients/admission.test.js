// Nodes that need the operator's word: `nile-instance node approve`, beside a running server and without one.

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

import { HASH, SHOP, loggedNode, registerNode } from './support/cycle.js';
import { command, startServer } from './support/server.js';
import { WAYS, asNode, http } from './support/ways.js';

const approve = (dataDir, id, ...rest) => command(['node', 'approve', String(id), '--data-dir', dataDir, ...rest]);

/** It ended as one that could not do it, and said why in one line. */
function refused({ code, output, log }, reason) {
  assert.ok(code > 0, `the exit status: ${code}`);
  assert.equal(output, '');
  assert.match(log, reason);
  assert.equal(log.trim().split('\n').length, 1, log);
}

for (const [name, open] of Object.entries(asNode(WAYS))) {
  test(`${name}: a node that is not approved registers and logs in all the same`, async (t) => {
    const server = await startServer(t, { env: { NILE_NODES_ADMISSION: 'approval' } });
    const way = await open(server);
    const { token, id } = await registerNode(way);
    const login = { action: 'login', parameters: { token } };
    assert.deepEqual(await way.accepted(login), loggedNode(id, HASH, SHOP));
    assert.deepEqual(await approve(server.dataDir, id), { code: 0, output: `node ${id} is approved\n`, log: '' });
    assert.deepEqual(await way.accepted(login), loggedNode(id, HASH, SHOP));
  });
}

test('a node is approved once, while the server runs, when it does not, and after it has been killed', async (t) => {
  const server = await startServer(t, { env: { NILE_NODES_ADMISSION: 'approval' } });
  const way = (await http(server)).as('node');
  for (let id = 1; id <= 3; id += 1) assert.equal((await registerNode(way)).id, id);
  assert.match((await approve(server.dataDir, 1)).output, /^node 1 is approved\n$/);
  assert.match((await approve(server.dataDir, 1)).output, /^node 1 was approved before\n$/);
  assert.equal((await registerNode(way)).id, 4, 'the server writes on');

  await server.stop();
  assert.match((await approve(server.dataDir, 2)).output, /^node 2 is approved\n$/);
  await server.start();
  assert.equal((await registerNode(way)).id, 5);

  await server.kill();
  assert.match((await approve(server.dataDir, 3)).output, /^node 3 is approved\n$/);
  await server.start();
  for (let id = 1; id <= 3; id += 1) assert.match((await approve(server.dataDir, id)).output, /was approved before/);
  assert.match((await approve(server.dataDir, 5)).output, /is approved/);
});

test('where admission is open a node needs no approval', async (t) => {
  const server = await startServer(t);
  const { id } = await registerNode((await http(server)).as('node'));
  assert.deepEqual(await approve(server.dataDir, id), { code: 0, output: `node ${id} was approved before\n`, log: '' });
});

test('the data directory is found as the server finds it', async (t) => {
  const server = await startServer(t, { env: { NILE_NODES_ADMISSION: 'approval' } });
  const { id } = await registerNode((await http(server)).as('node'));
  const config = path.join(server.dataDir, 'config.toml');
  writeFileSync(config, `data_dir = ${JSON.stringify(server.dataDir)}\n`);
  assert.match((await command(['node', 'approve', `${id}`, '--config', config])).output, /is approved/);
  assert.match((await command(['node', 'approve', `${id}`], { NILE_DATA_DIR: server.dataDir })).output, /before/);
});

test('what cannot be approved is said, and the exit status tells', async (t) => {
  const server = await startServer(t);
  const folder = mkdtempSync(path.join(tmpdir(), 'nile-clients-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  refused(await approve(server.dataDir, 7), /there is no node 7/);
  refused(await approve(folder, 1), /no database of an instance/);
  refused(await approve(path.join(folder, 'absent'), 1), /no database of an instance/);
  assert.deepEqual(readdirSync(folder), [], 'nothing was made');
  writeFileSync(path.join(folder, 'nile.db'), 'Dear reader, '.repeat(1000));
  refused(await approve(folder, 1), /damaged or no database/);
  for (const id of ['0', 'seven', '1.5', '']) {
    const { code, output, log } = await command(['node', 'approve', id, '--data-dir', server.dataDir]);
    assert.ok(code > 0, id);
    assert.equal(output, '');
    assert.match(log, /invalid value/);
  }
});
