// What a node at a URL is posted: everything, in order, one after the other, until it takes it.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

import { HASH, SHOP } from './support/cycle.js';
import { until } from './support/deadline.js';
import { isFromInstance, snippet } from './support/document.js';
import { Listener } from './support/events.js';
import { numbers, range, sendAll } from './support/pair.js';
import { Peer, reaches } from './support/peer.js';
import { command, startServer } from './support/server.js';
import { PostedPeer, UrlNode, accept, answer, hang, hold, redirect, refuse, say } from './support/urlnode.js';

const TRUSTING = { NILE_DELIVERIES_TRUSTED_NETWORKS: '127.0.0.0/8' };

/** A server, a client on `way`, and a node that has its messages posted. */
async function meet(t, { env = {}, way = 'HTTP' } = {}) {
  const server = await startServer(t, { env: { ...TRUSTING, ...env } });
  const client = await Peer.register(server, 'client', way);
  const node = await PostedPeer.register(t, server);
  return { server, client, node, site: node.site };
}

const allDelivered = async (sender, queueIds) => {
  for (const queueId of queueIds) await reaches(sender, queueId, 'delivered');
};

/** Nothing is posted to this site any more: another node of the same server is, after all that was under way. */
async function nothingElse(t, { server, client, site }) {
  const other = await PostedPeer.register(t, server);
  const [queueId] = await sendAll(client, other, 1, 1);
  await other.next();
  await allDelivered(client, [queueId]);
  assert.equal(site.posts.size, 0, 'a post that nobody expected');
}

test('a node is posted what is sent to it, in order, one after the other', async (t) => {
  const { server, client, node, site } = await meet(t);
  let open = 0;
  let most = 0;
  site.always = (response) => {
    most = Math.max(most, (open += 1));
    setImmediate(() => {
      open -= 1;
      accept(response);
    });
  };
  const sent = await client.send(node.id, 'buy', { bread: 1 });
  assert.equal(sent.type, 'queue', 'it is pushed to nobody');
  assert.deepEqual(await node.next(), {
    sender: client.id,
    sender_kind: 'client',
    queue_id: sent.queue_id,
    content: { action: 'buy', parameters: { bread: 1 } },
    action: 'buy',
    parameters: { bread: 1 },
  });
  const queueIds = await sendAll(client, node, 1, 40);
  assert.deepEqual(numbers(await site.take(40)), range(1, 40));
  await allDelivered(client, [sent.queue_id, ...queueIds]);
  assert.equal((await node.process()).total, 0);
  assert.equal(most, 1, 'posts under way at once');
  await nothingElse(t, { server, client, site });
});

for (const status of [200, 201, 202, 204]) {
  test(`${status} acknowledges, and what is no answer is none`, async (t) => {
    const { client, node, site } = await meet(t);
    const bodies = status === 204 ? [''] : ['', 'ok', '{}', '[1]', '"parameters"', '{"parameters":', '{"action":"x"}', '{"parameters":1,"parameters":2}'];
    site.will(...bodies.map((body) => (response) => response.writeHead(status).end(body)));
    const queueIds = await sendAll(client, node, 1, bodies.length);
    await allDelivered(client, queueIds);
    assert.deepEqual(numbers(await site.take(bodies.length)), range(1, bodies.length));
    assert.deepEqual((await client.come()).queue, []);
  });
}

test('what a node answers goes to the sender', async (t) => {
  for (const way of ['Socket.IO 4', 'WebSocket', 'HTTP']) {
    await t.test(`to ${way}`, async (t) => {
      const { client, node, site } = await meet(t, { way });
      await client.come();
      const answers = [{ total: '4.50' }, null, 0, 'later', [1.0, { a: [] }], { action: 'setState', parameters: { key: 'k' } }];
      for (const parameters of answers) {
        site.will(answer(parameters, { action: 'ignored', recipient: 7, queue_id: 1 }));
        const { queue_id: queueId } = await client.queue(node.id, 'how much?');
        const heard = await client.next();
        assert.deepEqual([heard.sender, heard.sender_kind, heard.content], [node.id, 'node', parameters]);
        assert.equal(await client.state({ queue_id: queueId }), 'delivered');
        await client.acknowledge(heard);
        await reaches(node, heard.queue_id, 'delivered');
      }
    });
  }

  await t.test('who finds it later when it is gone', async (t) => {
    const { client, node, site } = await meet(t, { way: 'Socket.IO 4' });
    const first = hold();
    site.will(first);
    await client.come();
    const { queue_id: queueId } = await client.queue(node.id, 'how much?');
    await node.next();
    await client.go();
    (await first.held)(answer('4.50'));
    await reaches(client.also('HTTP'), queueId, 'delivered');
    const { queue } = await client.come();
    assert.deepEqual(queue.map(({ content, sender_kind: kind }) => [content, kind]), [['4.50', 'node']]);
  });

  await t.test('and is kept until there is room for it', async (t) => {
    const { client, node, site } = await meet(t, { env: { NILE_MESSAGES_PER_RECIPIENT: '1' } });
    site.will(answer('first'), answer('second'), answer('second'));
    const [, second] = [await client.queue(node.id, 1), await until(() => client.queue(node.id, 2).catch(() => false), 'room')];
    assert.deepEqual([(await node.next()).content, (await node.next()).content], [1, 2]);
    assert.equal(await client.state(second), 'stored', 'it is not taken before its answer is');
    const first = await client.next();
    assert.equal(first.content, 'first');
    await client.remove(first.queue_id);
    assert.deepEqual(await node.next(), { sender: client.id, sender_kind: 'client', queue_id: second.queue_id, content: 2 });
    assert.equal((await client.next()).content, 'second');
    await reaches(client, second.queue_id, 'delivered');
  });

  await t.test('and to nobody when the sender is deleted', async (t) => {
    const { server, client, node, site } = await meet(t);
    const first = hold();
    site.will(first);
    await client.queue(node.id, 'how much?');
    await node.next();
    await client.accepted('deleted', { action: 'delete', parameters: { token: client.token } });
    (await first.held)(answer('4.50'));
    const another = await Peer.register(server, 'client', 'HTTP');
    const queueIds = await sendAll(another, node, 1, 1);
    assert.deepEqual(numbers([await node.next()]), [1]);
    await allDelivered(another, queueIds);
  });
});

test('what a node does not take is posted again, and nothing goes before it', async (t) => {
  const { client, node, site } = await meet(t, { env: { NILE_DELIVERIES_DEADLINE_SECONDS: '1' } });
  const other = await UrlNode.open(t);
  const failures = {
    'refused, twice': [refuse(503), refuse(503)],
    'not answered before the deadline': [hang],
    'half an answer': [(response) => response.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"par')],
    'redirected': [redirect(`${other.url}/client/to/node`)],
    'answered with more than 64 KiB': [say(200, JSON.stringify({ parameters: `remarkable ${'x'.repeat(65_536)}` }))],
  };
  for (const [what, behaviours] of Object.entries(failures)) {
    await t.test(what, async () => {
      site.will(...behaviours);
      const began = Date.now();
      const queueIds = await sendAll(client, node, 1, 3);
      const posts = await site.take(behaviours.length + 3);
      assert.deepEqual(numbers(posts), [...behaviours.map(() => 1), 1, 2, 3]);
      const pauses = behaviours.length === 2 ? 2250 : 750;
      assert.ok(Date.now() - began >= pauses, 'it waits before it posts again');
      await allDelivered(client, queueIds);
    });
  }
  assert.equal(other.connections, 0, 'the redirect is not followed');
});

test('why a node did not take a message is in the log, and nothing of what it said', async (t) => {
  const { server, client, node, site } = await meet(t, { env: { NILE_LOG_LEVEL: 'trace' } });
  const said = 'a remarkable answer';
  site.will(say(200, JSON.stringify({ parameters: said.repeat(4000) })));
  const queueIds = await sendAll(client, node, 1, 1, { secret: 'a remarkable order' });
  await allDelivered(client, queueIds);
  assert.match(server.log, /took no message.*node=1.*longer than 64 KiB/);
  assert.doesNotMatch(server.log, /remarkable/);
});

for (const [what, end] of Object.entries({ restarted: 'stop', killed: 'kill' })) {
  test(`what waits is posted when the server has been ${what}`, async (t) => {
    const { server, client, node, site } = await meet(t);
    site.will(refuse(503), hang);
    const queueIds = await sendAll(client, node, 1, 20);
    assert.deepEqual(numbers(await site.take(2)), [1, 1]);
    const began = Date.now();
    await server[end]();
    assert.ok(Date.now() - began < 4000, 'no node holds the server up');
    await server.start();
    assert.deepEqual(numbers(await site.take(20)), range(1, 20));
    await allDelivered(client, queueIds);
    await nothingElse(t, { server, client, site });
  });
}

test('while the node is online its messages go there, and the rest is posted when it leaves', async (t) => {
  const { server, client, node, site } = await meet(t);
  const ways = {
    'a WebSocket': node.also('WebSocket'),
    'a stream of events': Object.assign(new Listener(server, 'node', 'HTTP'), { id: node.id, token: node.token }),
  };
  for (const [what, online] of Object.entries(ways)) {
    await t.test(what, async (t) => {
      await online.come();
      const queueIds = await sendAll(client, node, 1, 5);
      const heard = [];
      while (heard.length < 5) heard.push(await online.next());
      assert.deepEqual(numbers(heard), range(1, 5));
      await online.remove(...queueIds.slice(0, 2));
      await nothingElse(t, { server, client, site });
      await online.go();
      assert.deepEqual(numbers(await site.take(3)), [3, 4, 5]);
      await allDelivered(client, queueIds);
    });
  }

  await t.test('also what it refused before', async () => {
    site.will(refuse(503));
    const queueIds = await sendAll(client, node, 1, 2);
    await node.next();
    const online = node.also('WebSocket');
    await online.come();
    await online.take(2);
    // By the time that another node has refused twice, this one would have been asked again.
    const other = await PostedPeer.register(t, server);
    other.site.will(refuse(503), refuse(503));
    await allDelivered(client, await sendAll(client, other, 1, 1));
    assert.equal(site.posts.size, 0);
    await online.remove(queueIds[0]);
    await online.go();
    assert.deepEqual(numbers([await node.next()]), [2]);
    await allDelivered(client, queueIds);
  });
});

test('what its sender takes back is not posted', async (t) => {
  const { client, node, site } = await meet(t);
  const first = hold();
  site.will(refuse(503), first);
  const queueIds = await sendAll(client, node, 1, 4);
  assert.deepEqual(numbers(await site.take(2)), [1, 1]);
  for (const queueId of queueIds.slice(1, 3)) {
    await client.accepted('withdrawn', { action: 'withdraw', parameters: { queue_id: queueId } });
  }
  (await first.held)(accept);
  assert.deepEqual(numbers([await node.next()]), [4]);
  await allDelivered(client, [queueIds[0], queueIds[3]]);
  assert.equal(await client.state({ queue_id: queueIds[1] }), 'withdrawn');
});

test('a node that is deleted is posted nothing more', async (t) => {
  const { server, client, node, site } = await meet(t);
  const first = hold();
  site.will(first);
  const queueIds = await sendAll(client, node, 1, 3);
  await node.next();
  await node.accepted('deleted', { action: 'delete', parameters: { token: node.token } });
  (await first.held)(accept);
  await nothingElse(t, { server, client, site });
  for (const queueId of queueIds) assert.equal(await client.state({ queue_id: queueId }), 'refused');
  await server.restart();
  await nothingElse(t, { server, client, site });
});

test('a node that is not approved is listed and posted to when it is', async (t) => {
  const { server, client, node } = await meet(t, { env: { NILE_NODES_ADMISSION: 'approval' } });
  const listed = async () => {
    const { onlineNodes } = await client.accepted('updateOnlineNodes', { action: 'updateNodeList' });
    return onlineNodes;
  };
  assert.deepEqual(await listed(), []);
  await client.refused('unknown_recipient', { action: 'queue', recipient: node.id, parameters: 1 });
  const { output } = await command(['node', 'approve', `${node.id}`, '--data-dir', server.dataDir]);
  assert.match(output, /is approved/);
  const entry = { node_id: node.id, ipfs_hash: HASH, ws_id: null, information: SHOP };
  await until(async () => (await listed()).length > 0, 'the node to be listed', 2000);
  assert.deepEqual(await listed(), [entry]);
  await allDelivered(client, await sendAll(client, node, 1, 1));
  await node.next();
  await server.restart();
  assert.deepEqual(await listed(), [entry]);
  await allDelivered(client, await sendAll(client, node, 2, 2));
});

test('the checks of a signature in the documents hold', async (t) => {
  const { client, node, site } = await meet(t);
  await client.queue(node.id, { note: 'ben cotto, più tardi 🍞\u2028"' });
  const { text, headers } = await site.posts.next('a post');
  const header = headers['nile-signature'];
  const [, seconds] = /^t=(\d+),/.exec(header);
  const now = Number(seconds);
  const { secret } = site;
  const cases = [
    [true, secret, header, text, now],
    [true, secret, header, text, now + 299],
    [true, secret, header, text, now - 299],
    [false, secret, header, text, now + 301],
    [false, secret, header, text, now - 301],
    [false, secret, header, `${text} `, now],
    [false, secret, header, text.replace('cotto', 'crudo'), now],
    [false, secret, header.replace(/^t=\d+/, `t=${now + 1}`), text, now],
    [false, secret.slice(4), header, text, now],
    [false, `nds_${'A'.repeat(43)}`, header, text, now],
    [false, secret, header.replace(/.$/, (last) => (last === '0' ? '1' : '0')), text, now],
    [false, secret, header.slice(0, -1), text, now],
    [false, secret, `${header},v1=${'0'.repeat(64)}`, text, now],
    [false, secret, '', text, now],
  ];
  const expected = cases.map(([good]) => good);
  assert.deepEqual(cases.map(([, ...rest]) => isFromInstance(...rest)), expected);
  assert.ok(isFromInstance(secret, header, Buffer.from(text)), 'as it is received, and by the clock');

  const program = `${snippet('python', 'is_from_instance')}
import json, sys
cases = json.load(sys.stdin)
print(json.dumps([is_from_instance(secret, header, body.encode(), now) for _, secret, header, body, now in cases]))`;
  const python = execFileSync('python3', ['-c', program], { input: JSON.stringify(cases) });
  assert.deepEqual(JSON.parse(python), expected);
});
