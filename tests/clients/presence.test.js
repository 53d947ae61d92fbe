// Which nodes are online, who is told, and how often.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

import { HASH, NEW_HASH, SHOP } from './support/cycle.js';
import { PATIENCE, until, within } from './support/deadline.js';
import { Peer } from './support/peer.js';
import { binary, environment, startServer } from './support/server.js';
import { PLAIN, SPEC, SocketIoConnection } from './support/socketio.js';

const WAYS = ['Socket.IO 4', 'Socket.IO 2', 'Socket.IO 4 polling', 'WebSocket'];

const ask = async (peer) => (await peer.accepted('updateOnlineNodes', { action: 'updateNodeList' })).onlineNodes;

/** Hears until the list satisfies `condition`; returns it and how many were told. */
async function told(peer, condition, milliseconds = PATIENCE) {
  const search = async () => {
    for (let times = 1; ; times += 1) {
      const list = await peer.presence.next('a list of nodes');
      if (condition(list)) return { list, times };
    }
  };
  return within(search(), 'the list of nodes to become right', milliseconds);
}

const isEmpty = (list) => list.length === 0;
const has = (id) => (list) => list.some((node) => node.node_id === id);

for (const way of WAYS) {
  test(`${way}: a subscriber hears a node come, change and go`, async (t) => {
    const server = await startServer(t);
    const guest = await new Peer(server, 'client', way).open();
    assert.deepEqual(await ask(guest), []);
    const client = await Peer.register(server, 'client', way);
    await client.come();
    const stranger = await new Peer(server, 'client', way).open();
    const hearers = [guest, client];
    const all = (condition) => Promise.all(hearers.map((hearer) => told(hearer, condition)));

    const node = await Peer.register(server, 'node', way);
    await node.come();
    const [{ list }] = await all(has(node.id));
    const [{ ws_id: wsId, ...shown }] = list;
    assert.deepEqual(shown, { node_id: node.id, ipfs_hash: HASH, information: SHOP });
    assert.deepEqual(await ask(guest), list);

    const update = { token: node.token, hash: NEW_HASH, information: { name: 'Nuovo' } };
    await node.accepted('updated', { action: 'update', parameters: update });
    const changed = [{ node_id: node.id, ipfs_hash: NEW_HASH, ws_id: wsId, information: { name: 'Nuovo' } }];
    for (const { list: now } of await all((nodes) => nodes[0]?.ipfs_hash === NEW_HASH)) assert.deepEqual(now, changed);

    const second = node.also();
    await second.come();
    assert.deepEqual(await ask(guest), changed, 'one entry, its oldest connection');
    await node.accepted('loggedOut', { action: 'logout' });
    const [{ list: moved }] = await all((nodes) => nodes.length === 1 && nodes[0].ws_id !== wsId);
    assert.deepEqual(moved.map(({ node_id: id }) => id), [node.id]);
    await second.go();
    await all(isEmpty);

    await node.come();
    await all(has(node.id));
    await node.also('HTTP').accepted('deleted', { action: 'delete', parameters: { token: node.token } });
    await all(isEmpty);
    await stranger.settled();
    assert.equal(stranger.presence.size, 0, 'who never asked is told nothing');
  });
}

test('changes in a burst are told together, and the last telling is right', async (t) => {
  const server = await startServer(t);
  const guest = await new Peer(server, 'client', 'WebSocket').open();
  await ask(guest);
  const nodes = [];
  for (let index = 0; index < 10; index += 1) nodes.push(await Peer.register(server, 'node', 'WebSocket'));
  await Promise.all(nodes.map((node) => node.come()));
  const { times, list } = await told(guest, (nodes) => nodes.length === 10);
  assert.ok(times <= 4, `${times} tellings`);
  assert.deepEqual(list.map(({ node_id: id }) => id).sort((a, b) => a - b), nodes.map(({ id }) => id));
  await Promise.all(nodes.map((node) => node.go()));
  const { times: leaving } = await told(guest, isEmpty);
  assert.ok(leaving <= 4, `${leaving} tellings`);
});

test('who has been answered that a node is online is told that it has gone, however soon that is', async (t) => {
  const server = await startServer(t);
  const node = await Peer.register(server, 'node', 'WebSocket');
  for (let round = 1; round <= 5; round += 1) {
    const guest = await new Peer(server, 'client', 'WebSocket').open();
    await node.come();
    const answered = await ask(guest);
    assert.equal(answered.length, 1);
    await node.go();
    await told(guest, isEmpty, 3000);
    await guest.go();
  }
});

test('the list is told under the names that a connection asked for', async (t) => {
  const server = await startServer(t);
  const both = await SocketIoConnection.open(server, { version: 2, curious: true });
  const spec = await SocketIoConnection.open(server, { query: { spelling: 'spec' }, names: [SPEC], curious: true });
  const plain = await SocketIoConnection.open(server, { auth: { spelling: 'plain' }, names: [PLAIN], curious: true });
  for (const one of [both, spec, plain]) await one.request({ action: 'updateNodeList', id: 1 });
  const node = await Peer.register(server, 'node', 'HTTP');
  const online = node.also('WebSocket');
  await online.come();
  for (const one of [both, spec, plain]) {
    const { action, parameters, ...rest } = await one.next();
    assert.deepEqual([action, parameters.onlineNodes[0].node_id, rest], ['updateOnlineNodes', node.id, {}]);
    assert.equal(one.unread, 0, 'under no other name');
  }
});

const approve = (server, id) =>
  spawnSync(binary(), ['node', 'approve', String(id), '--data-dir', server.dataDir], { env: environment({}) });

for (const way of ['Socket.IO 4', 'WebSocket']) {
  test(`${way}: a node that is not approved is not listed and not reached until it is`, async (t) => {
    const server = await startServer(t, { env: { NILE_NODES_ADMISSION: 'approval' } });
    const client = await Peer.register(server, 'client', way);
    await client.come();
    const guest = await new Peer(server, 'client', way).open();
    assert.deepEqual(await ask(guest), []);
    const node = await Peer.register(server, 'node', way);
    await node.come();
    assert.deepEqual(await ask(guest), []);

    const absent = { action: 'queue', recipient: 999, parameters: 'an order' };
    const refusal = await client.refused('unknown_recipient', absent);
    assert.deepEqual(await client.refused('unknown_recipient', { ...absent, recipient: node.id }), refusal, 'as if it were not there');
    await client.refused('unknown_recipient', { action: 'buy', recipient: node.id, parameters: {} }, 'client.to.node');
    await node.refused('forbidden', { action: 'forward', recipient: 'x'.repeat(22), parameters: {} });

    const from = Date.now();
    assert.equal(approve(server, node.id).status, 0);
    const { list } = await told(guest, has(node.id));
    t.diagnostic(`told ${Date.now() - from} ms after the operator's command began`);
    await client.accepted('forwarded', { action: 'forward', recipient: list[0].ws_id, parameters: 'hello' });
    const forwarded = await node.forwards.next('what is forwarded');
    assert.equal(forwarded.content, 'hello');
    await node.accepted('forwarded', { action: 'forward', recipient: forwarded.sender, parameters: 'hello to you' });
    assert.equal((await client.forwards.next('its answer')).content, 'hello to you');
    await client.queue(node.id, 'an order');
    assert.equal((await node.next()).content, 'an order');
  });
}

for (const way of WAYS) {
  test(`${way}: guests are answered where the configuration lets them`, async (t) => {
    for (const guests of ['true', 'false']) {
      const server = await startServer(t, { env: { NILE_MESSAGES_GUESTS: guests } });
      const node = await Peer.register(server, 'node', way);
      await node.come();
      const guest = await new Peer(server, 'client', way).open();
      const [{ ws_id: shop }] = await ask(guest);
      const request = { action: 'forward', recipient: shop, parameters: { action: 'menu', parameters: [1, null] } };
      if (guests === 'false') {
        await guest.refused('not_logged_in', request);
        continue;
      }
      assert.deepEqual(await guest.accepted('forwarded', request), { type: 'forward' });
      const { event, sender, content, ...rest } = await node.forwards.next('what is forwarded');
      assert.deepEqual([event, content, rest], ['client.to.node', request.parameters, {}]);
      await node.accepted('forwarded', { action: 'forward', recipient: sender, parameters: 'the menu' });
      const answer = await guest.forwards.next('the answer');
      assert.deepEqual(answer, { event: 'node.to.client', sender: shop, content: 'the menu' });

      await guest.refused('recipient_offline', { ...request, recipient: sender });
      await guest.refused('recipient_offline', { ...request, recipient: 'nobody' });
      await guest.go();
      const late = { action: 'forward', recipient: sender, parameters: 'too late' };
      await until(async () => (await node.ask(late)).parameters.code === 'recipient_offline', 'the guest to be gone');
      await node.go();
    }
  });
}
