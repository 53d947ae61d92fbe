// Peers that stop reading and answering without closing: what was sent to them waits, and is theirs when they return.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Peer } from './support/peer.js';
import { Proxy } from './support/proxy.js';
import { startServer } from './support/server.js';

const WAYS = ['Socket.IO 4', 'Socket.IO 2', 'WebSocket', 'Socket.IO 4 polling'];
const PARTIES = 100;
const ROUNDS = 12;
/** Long enough that some of it stays in the sockets of those who do not read. */
const NOTE = 'n'.repeat(2000);
const SECOND = 1000;

/** The number of a party tells who it is: of ten, the first two stop. */
const stops = (index) => index % 10 < 2;

/** `count` parties of `kind` that are online, each behind a network of its own. */
function gather(server, kind, count) {
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const way = WAYS[index % WAYS.length];
      const peer = await Peer.register(server, kind, way);
      await peer.go();
      peer.network = await Proxy.start(server);
      await peer.open(peer.network);
      await peer.come();
      return peer;
    }),
  );
}

/** The peer takes what comes and acknowledges it, until it has everything in `expected`. */
async function takeAll(peer, expected) {
  for (const queueId of expected) {
    const message = await peer.next();
    assert.deepEqual([message.queue_id, message.content.note], [queueId, NOTE]);
    await peer.acknowledge(message);
  }
}

test(`of ${PARTIES} parties a fifth stops reading without a word, and nothing is lost`, async (t) => {
  const server = await startServer(t);
  const [clients, nodes] = [await gather(server, 'client', PARTIES / 2), await gather(server, 'node', PARTIES / 2)];
  const parties = [...clients, ...nodes];
  const senders = { client: nodes.map((node) => node.also('HTTP')), node: clients.map((client) => client.also('HTTP')) };
  const expected = new Map(parties.map((peer) => [peer, []]));

  const step = ({ kind }) => (kind === 'node' ? 1 : -1);
  /** Everyone of `kind` is written to by two of the other kind: of its own number and a neighbour.
   *  The clients' neighbours are the nodes that they write to, so that these may. */
  const sendRound = (recipients, round) =>
    recipients.flatMap((recipient, index) =>
      [index, (index + step(recipient) + recipients.length) % recipients.length].map(async (partner) => {
        const sender = senders[recipient.kind][partner];
        const { queue_id: queueId } = await sender.queue(recipient.id, { round, note: NOTE });
        expected.get(recipient).push(queueId);
      }),
    );

  const stopped = parties.filter((_, index) => stops(index));
  const running = parties.filter((_, index) => !stops(index));
  for (const peer of stopped) peer.network.die();
  for (let round = 1; round <= ROUNDS; round += 1) {
    await Promise.all(sendRound(nodes, round));
    await Promise.all(sendRound(clients, round));
  }
  for (const queue of expected.values()) queue.sort((a, b) => a - b);

  await Promise.all(running.map((peer) => takeAll(peer, expected.get(peer))));
  t.diagnostic(`${running.length} parties have their messages while ${stopped.length} do not read`);

  let slowest = 0;
  for (const peer of stopped) {
    const returned = peer.also();
    await returned.open();
    const from = Date.now();
    await returned.come();
    const waiting = expected.get(peer);
    const heard = await returned.take(waiting.length);
    slowest = Math.max(slowest, Date.now() - from);
    assert.deepEqual(heard.map((message) => message.queue_id), waiting);
    assert.ok(heard.every(({ content }) => content.note === NOTE));
    await returned.remove(...waiting);
    await returned.go();
  }
  t.diagnostic(`the slowest of ${stopped.length} that returned had all after ${slowest} ms (to be ${SECOND} at most on a quiet machine)`);
  assert.ok(slowest < 10 * SECOND);

  for (const peer of parties) assert.equal((await peer.also('HTTP').come()).total, 0);
});

for (const kind of ['client', 'node']) {
  test(`a ${kind} that returns has everything in order while its old connection is not known to be dead`, async (t) => {
    const server = await startServer(t, { env: { NILE_MESSAGES_PER_PAIR: '1000' } });
    const parties = { client: await Peer.register(server, 'client', 'HTTP'), node: await Peer.register(server, 'node', 'HTTP') };
    await parties.node.remove((await parties.client.queue(parties.node.id, 'hello')).queue_id);
    const sender = parties[kind === 'client' ? 'node' : 'client'];
    const network = await Proxy.start(server);
    const gone = parties[kind].also('WebSocket');
    await gone.open(network);
    await gone.come();
    network.die();
    const expected = [];
    const sendOne = async () => expected.push((await sender.queue(gone.id, { note: NOTE })).queue_id);
    // More than a page takes, and no more than may be under way to the old connection.
    for (let count = 0; count < 200; count += 1) await sendOne();

    const returned = gone.also();
    const from = Date.now();
    const { queue } = await returned.come();
    assert.ok(queue.length < 200, 'the page has a limit in bytes');
    await sendOne();
    const heard = await returned.take(queue.length + 1);
    assert.equal(heard.at(-1).queue_id, expected[queue.length], 'the page is followed by what comes after it');
    heard.push(...(await returned.take(expected.length - heard.length)));
    t.diagnostic(`all after ${Date.now() - from} ms`);
    assert.deepEqual(heard.map((message) => message.queue_id), expected);
  });
}
