// What a party over HTTP hears by server-sent events: everything that waits and comes, in order, until it says that it has it.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { until, within } from './support/deadline.js';
import { EventStream, Listener } from './support/events.js';
import { OTHER, introduce, numbers, pair, range, sendAll } from './support/pair.js';
import { Peer } from './support/peer.js';
import { startServer } from './support/server.js';
import { RawConnection } from './support/websocket.js';

/** Room for all that these tests send. */
const ROOM = { NILE_MESSAGES_PER_PAIR: '1000', NILE_HEARTBEAT_INTERVAL_SECONDS: '1' };

/** Nothing is said on the stream from one heartbeat to the next. */
async function silent({ stream }) {
  while (stream.retries.size > 0) await stream.retries.next();
  await stream.retries.next('a heartbeat');
  await stream.retries.next('another');
  assert.equal(stream.events.size, 0, 'events that nobody expected');
}

/** Nothing is heard before what is sent now: messages come in order. */
async function upToDate(listener, sender) {
  const { queue_id: queueId } = await sender.queue(listener.id, { n: 'last' });
  await hears(listener, 'last');
  await listener.remove(queueId);
}

async function hears(listener, ...expected) {
  const heard = [];
  while (heard.length < expected.length) heard.push(await listener.next());
  assert.deepEqual(numbers(heard), expected);
  return heard;
}

for (const kind of ['client', 'node']) {
  test(`a ${kind} on a stream of events`, async (t) => {
    const server = await startServer(t, { env: ROOM });
    const meet = async () => {
      const parties = await pair(server);
      return { listener: parties[kind], sender: parties[OTHER[kind]] };
    };

    await t.test('hears what waits, in order, and then what comes', async () => {
      const { listener, sender } = await meet();
      const queueIds = await sendAll(sender, listener, 1, 3);
      await listener.come();
      const { headers } = listener.stream;
      assert.match(headers.get('cache-control'), /no-store/);
      const [first] = await hears(listener, 1, 2, 3);
      assert.deepEqual(first, { sender: sender.id, sender_kind: sender.kind, queue_id: queueIds[0], content: { n: 1 } });
      queueIds.push(...(await sendAll(sender, listener, 4, 5)));
      await hears(listener, 4, 5);
      const channel = `${sender.kind}.to.${kind}`;
      const sent = await sender.send(listener.id, 'buy', { n: 6 });
      assert.deepEqual(await listener.stream.next(), {
        id: sent.queue_id,
        event: channel,
        data: {
          sender: sender.id,
          sender_kind: sender.kind,
          queue_id: sent.queue_id,
          content: { action: 'buy', parameters: { n: 6 } },
          action: 'buy',
          parameters: { n: 6 },
        },
      });
      assert.equal(sent.type, 'forward', 'it was pushed at once');
      queueIds.push(sent.queue_id);

      assert.equal(await sender.state({ queue_id: queueIds[0] }), 'stored');
      const page = await listener.process();
      assert.deepEqual(page.queue.map((row) => row.queue_id), queueIds, 'hearing removes nothing');
      assert.equal(await listener.remove(...queueIds), 0);
      for (const queueId of queueIds) assert.equal(await sender.state({ queue_id: queueId }), 'delivered');
      await upToDate(listener, sender);
      await listener.go();
      await listener.come();
      await upToDate(listener, sender);
    });

    await t.test('hears after Last-Event-ID what comes behind it, and not again what came before', async () => {
      const { listener, sender } = await meet();
      const queueIds = await sendAll(sender, listener, 1, 3);
      await listener.come();
      await hears(listener, 1, 2, 3);
      await listener.go();
      await sendAll(sender, listener, 4, 4);
      await listener.come({ lastEventId: queueIds[1] });
      await hears(listener, 3, 4);
      await sendAll(sender, listener, 5, 5);
      await hears(listener, 5);
      await upToDate(listener, sender);
      assert.equal((await listener.process()).total, 5, 'all of it still waits');
      await listener.go();

      for (const [lastEventId, ...expected] of [['', 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5], [Number.MAX_SAFE_INTEGER]]) {
        await listener.come({ lastEventId });
        await hears(listener, ...expected);
        await upToDate(listener, sender);
        await listener.go();
      }
      await listener.come({ lastEventId: Number.MAX_SAFE_INTEGER });
      await sendAll(sender, listener, 6, 6);
      await hears(listener, 6);
    });

    await t.test('that comes back before its old stream is known to be gone hears nothing again either', async () => {
      const { listener, sender } = await meet();
      const queueIds = await sendAll(sender, listener, 1, 3);
      await listener.come();
      await hears(listener, 1, 2, 3);
      const old = listener.stream;
      await listener.come({ lastEventId: queueIds[2] });
      await old.close();
      await upToDate(listener, sender);
      await sendAll(sender, listener, 4, 4);
      await hears(listener, 4);
    });

    await t.test('hears 256 messages, and others as it acknowledges', async () => {
      const { listener, sender } = await meet();
      const queueIds = await sendAll(sender, listener, 1, 300);
      await listener.come();
      await hears(listener, ...range(1, 256));
      await silent(listener);
      const { type } = await sender.send(listener.id, 'buy', {});
      assert.equal(type, 'queue', 'it was not pushed');
      await listener.remove(...queueIds.slice(100, 110));
      await hears(listener, ...range(257, 266));
      await silent(listener);
      await listener.remove(...queueIds.slice(0, 266));
      await hears(listener, ...range(267, 300));
      assert.equal((await listener.next()).action, 'buy');
      assert.equal((await listener.process()).total, 35);
    });

    await t.test('hears as JSON what has line breaks in it', async () => {
      const { listener, sender } = await meet();
      const shouting = await RawConnection.open(server);
      const texts = ['[1,\n2]', '{\r\n  "a": "b\\n",\r\n\r\n  "c":\r[]\r}', '"\\r\\n: no comment\\ndata: none"', '\n1\n', '"é\u2028🍞"'];
      const say = (text) => {
        const body = `{"action":"queue","token":"${sender.token}","recipient":${listener.id},"parameters":${text}}`;
        shouting.send(`{"event":"${sender.kind}.to.instance","body":${body}}`);
      };
      texts.forEach(say);
      await listener.come();
      for (const text of texts) assert.deepEqual((await listener.next()).content, JSON.parse(text));
      await listener.go();
      await listener.come();
      for (const text of texts) assert.deepEqual((await listener.next()).content, JSON.parse(text));
    });

    await t.test('has its messages after the server has been killed, too', async () => {
      const { listener, sender } = await meet();
      const queueIds = await sendAll(sender, listener, 1, 3);
      await listener.come();
      await hears(listener, 1, 2, 3);
      await listener.remove(queueIds[0]);
      await server.kill();
      assert.ok((await within(listener.stream.ended, 'the stream to break')) instanceof Error);
      await server.start();
      await listener.come({ lastEventId: queueIds[1] });
      await sendAll(sender, listener, 4, 4);
      await hears(listener, 3, 4);
      await listener.go();
      await listener.come();
      await hears(listener, 2, 3, 4);
    });
  });
}

test('a heartbeat comes at once, and then as often as is configured', async (t) => {
  const server = await startServer(t, { env: ROOM });
  const { client } = await pair(server);
  const began = Date.now();
  await client.come();
  for (let beat = 0; beat < 3; beat += 1) assert.equal(await client.stream.retries.next('a heartbeat'), 2000);
  const taken = Date.now() - began;
  assert.ok(taken > 1900 && taken < 8000, `three heartbeats took ${taken} ms`);
});

test('each of two streams of a client hears every message', async (t) => {
  const server = await startServer(t, { env: ROOM });
  const { client, node } = await pair(server);
  const [first] = await sendAll(node, client, 1, 1);
  const streams = [client, Object.assign(new Listener(server, 'client', 'HTTP'), { id: client.id, token: client.token })];
  for (const stream of streams) await stream.come();
  const online = client.also('WebSocket');
  assert.equal((await online.come()).total, 1);
  await sendAll(node, client, 2, 3);
  for (const stream of streams) await hears(stream, 1, 2, 3);
  assert.deepEqual(numbers(await online.take(3)), [1, 2, 3]);
  await client.remove(first);
  await client.go();
  await sendAll(node, client, 4, 4);
  await hears(streams[1], 4);
  await upToDate(streams[1], node);
});

test("a node's stream and its other connections share its messages", async (t) => {
  const server = await startServer(t, { env: ROOM });
  const { client, node } = await pair(server);
  await node.come();
  await sendAll(client, node, 1, 2);
  await hears(node, 1, 2);

  const online = node.also('WebSocket');
  const { total } = await online.come();
  assert.equal(total, 2, 'the page shows what waits, wherever it was pushed');
  await online.take(2);
  await sendAll(client, node, 3, 4);
  assert.deepEqual(numbers(await online.take(2)), [3, 4], 'the newest connection has them');
  assert.equal(node.stream.events.size, 0);

  await online.go();
  await hears(node, 3, 4);
  await node.go();
  await sendAll(client, node, 5, 5);
  await node.come();
  await hears(node, 1, 2, 3, 4, 5);
});

test('whoever hears by events is on no online list', async (t) => {
  const server = await startServer(t);
  const client = await Listener.register(server, 'client');
  const shop = await Peer.register(server, 'node', 'WebSocket');
  const onlineNodes = async () => {
    const told = await client.accepted('updateOnlineNodes', { action: 'updateNodeList' });
    return told.onlineNodes.map(({ node_id: id, ws_id: wsId }) => [id, wsId]);
  };
  await shop.go();
  const node = Object.assign(new Listener(server, 'node', 'HTTP'), { id: shop.id, token: shop.token });
  await node.come();
  await introduce(client, node);
  await node.next();
  assert.deepEqual(await onlineNodes(), []);

  const overHttp = await Listener.register(server, 'node');
  assert.deepEqual(await onlineNodes(), [[overHttp.id, null]]);
  await overHttp.come();
  assert.deepEqual(await onlineNodes(), [[overHttp.id, null]], 'there as before, and without a WebSocket ID');

  await client.come();
  await sendAll(client, node, 1, 1);
  await until(async () => (await node.process()).total === 1, 'the message');
  const [row] = (await node.process()).queue;
  assert.equal('ws_id' in row, false, 'a listener has no WebSocket ID to be answered at');
});

test('SIGTERM ends the streams, and the server with them', async (t) => {
  const server = await startServer(t);
  const { client, node } = await pair(server);
  const streams = await Promise.all(
    Array.from({ length: 20 }, (_, index) => EventStream.open(server, index % 2 ? client : node)),
  );
  const began = Date.now();
  await server.stop();
  for (const { ended } of streams) assert.equal(await within(ended, 'the stream to end'), 'ended');
  assert.ok(Date.now() - began < 4000, 'nobody is waited for');
});
