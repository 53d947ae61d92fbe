// Nodes at a URL: which URLs are taken, and what a node is given that proves that it is there.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { HASH, NODE_TOKEN, SHOP, loggedNode } from './support/cycle.js';
import { call } from './support/http.js';
import { introduce } from './support/pair.js';
import { Peer, reaches } from './support/peer.js';
import { startServer } from './support/server.js';
import { PostedPeer, UrlNode, hang, redirect, refuse, registerAt, repeat, say } from './support/urlnode.js';
import { SOCKETS, asNode, checkProblem } from './support/ways.js';

const SECRET = /^nds_[A-Za-z0-9_-]{43}$/;

const trusting = { NILE_DELIVERIES_TRUSTED_NETWORKS: '127.0.0.0/8', NILE_DELIVERIES_DEADLINE_SECONDS: '1' };

const sentence = ({ body }) => assert.match(body.msg, /\w+ \w+ \w+/, 'it says why');

test('a node that repeats the challenge is registered with its URL', async (t) => {
  const server = await startServer(t, { env: trusting });
  for (const [index, ending] of ['', '/', '/shops/7', '/shops/7//'].entries()) {
    const site = await UrlNode.open(t);
    const paths = [];
    site.server.prependListener('request', (request) => paths.push(`${request.method} ${request.url}`));
    const { status, body } = await registerAt(server, site.url + ending);
    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual(Object.keys(body).sort(), ['delivery_secret', 'id', 'token']);
    assert.match(body.token, NODE_TOKEN);
    assert.match(body.delivery_secret, SECRET);
    assert.equal(body.id, index + 1);
    assert.deepEqual(paths, [`POST ${ending.replace(/\/+$/, '')}/client/to/node`]);
    assert.equal(site.posts.size, 0);
  }
});

const WRONG = {
  'another text': () => repeat('another text'),
  'the challenge without an object': (challenge) => say(200, JSON.stringify(challenge)),
  'the challenge as it was posted': (challenge) => say(200, JSON.stringify({ action: 'challenge', parameters: { challenge } })),
  'half of it': (challenge) => say(200, JSON.stringify({ challenge: challenge.slice(0, 20) })),
  'it twice': (challenge) => say(200, `{"challenge":"${challenge}","challenge":"${challenge}"}`),
  'nothing': () => say(200, ''),
  'no JSON': (challenge) => say(200, challenge),
  'too much': (challenge) => say(200, JSON.stringify({ challenge, padding: 'x'.repeat(65_536) })),
  'a refusal with the challenge': (challenge) => say(500, JSON.stringify({ challenge })),
  'another status': () => refuse(404),
  'silence': () => hang,
  'half a head': () => (response) => response.socket.end('HTTP/1.1 200 OK\r\nContent-'),
};

test('a node that does not repeat the challenge is not registered', async (t) => {
  const server = await startServer(t, { env: trusting });
  const site = await UrlNode.open(t);
  for (const [what, onChallenge] of Object.entries(WRONG)) {
    await t.test(what, async () => {
      site.onChallenge = onChallenge;
      const answer = await registerAt(server, site.url);
      checkProblem(answer, 'invalid_parameters', 'resource');
      sentence(answer);
    });
  }

  await t.test('a redirect, which is not followed', async () => {
    const other = await UrlNode.open(t);
    for (const status of [301, 302, 303, 307, 308]) {
      site.onChallenge = () => redirect(`${other.url}/client/to/node`, status);
      checkProblem(await registerAt(server, site.url), 'invalid_parameters', 'resource');
    }
    assert.equal(other.connections, 0);
  });

  await t.test('nobody at this port', async () => {
    const gone = await UrlNode.open(t);
    await new Promise((resolve) => gone.server.close(resolve));
    const answer = await registerAt(server, gone.url);
    checkProblem(answer, 'invalid_parameters', 'resource');
    sentence(answer);
    assert.ok(!JSON.stringify(answer.body).includes('127.0.0.1'), 'nothing about networks');
  });

  site.onChallenge = repeat;
  assert.equal((await registerAt(server, site.url)).body.id, 1, 'none of them was kept');
});

/** Spellings of this machine. */
const LOOPBACK = [
  '127.0.0.1',
  'localhost',
  '2130706433',
  '0x7f000001',
  '0177.0.0.1',
  '127.1',
  '0x7f.1',
  '127.0.0.1.',
  '0',
  '0.0.0.0',
  '[::1]',
  '[::]',
  '[::ffff:127.0.0.1]',
  '[0:0:0:0:0:ffff:7f00:1]',
  '[64:ff9b::7f00:1]',
  '[2002:7f00:1::]',
  '１２７.０.０.１',
  '127。0。0。1',
  '%31%32%37.0.0.1',
  'LOCALHOST',
  'a@127.0.0.1',
  'a:b@127.0.0.1',
];

test('a URL that is not on the public internet is refused, and nothing is sent there', async (t) => {
  const server = await startServer(t);
  const canary = await UrlNode.open(t);
  const { port } = new URL(canary.url);
  const here = LOOPBACK.flatMap((host) => [`http://${host}:${port}`, `https://${host}:${port}`, `https://${host}`]);
  const nets = ['10.0.0.1', '172.16.0.1', '192.168.1.1', '169.254.169.254', '100.64.0.1', '224.0.0.1', '255.255.255.255', '[fe80::1]', '[fc00::1]'];
  const forms = [
    'http://8.8.8.8',
    'https://8.8.8.8:8443',
    'https://8.8.8.8:22',
    'https://shop@8.8.8.8',
    'https://:secret@8.8.8.8',
    'https://8.8.8.8?shop=7',
    'https://8.8.8.8/#shop',
    `https://8.8.8.8/${'x'.repeat(2048)}`,
    'ftp://8.8.8.8',
    `file://${server.dataDir}`,
    'unix:/run/shop.sock',
    'javascript:0',
    'data:application/json,{}',
    '//8.8.8.8',
    '8.8.8.8',
    'shop',
    'https://',
    'https:',
    'https://256.256.256.256',
    'https://[::1',
    '',
  ];
  for (const resource of [...here, ...nets.map((host) => `https://${host}`), ...forms, 5, true, null, [], {}, [canary.url]]) {
    const answer = await registerAt(server, resource);
    assert.equal(answer.status, 422, `${JSON.stringify(resource)}: ${JSON.stringify(answer.body)}`);
    checkProblem(answer, 'invalid_parameters', 'resource');
  }
  assert.equal(canary.connections, 0);
  const { body } = await call(server, { action: 'register', parameters: { hash: HASH } }, { path: '/node/to/instance' });
  assert.equal(body.id, 1, 'none of them was kept');
});

test('where the operator allows plain HTTP and other ports, this machine is refused all the same', async (t) => {
  const canary = await UrlNode.open(t);
  const { port } = new URL(canary.url);
  const env = { NILE_DELIVERIES_PLAIN_HTTP: 'true', NILE_DELIVERIES_PORTS: port };
  const server = await startServer(t, { env });
  for (const host of LOOPBACK) {
    checkProblem(await registerAt(server, `http://${host}:${port}`), 'invalid_parameters', 'resource');
  }
  assert.equal(canary.connections, 0);
});

test('a node that is connected has no URL', async (t) => {
  const server = await startServer(t, { env: trusting });
  const site = await UrlNode.open(t);
  for (const open of Object.values(asNode(SOCKETS))) {
    const way = await open(server);
    const parameters = { hash: HASH, information: SHOP, resource: site.url };
    await way.refused({ action: 'register', parameters }, 'invalid_parameters', 'resource');
  }
  assert.equal(site.connections, 0);
});

test('the delivery secret is shown once; it stays the same, and neither it nor the token is in the log', async (t) => {
  const server = await startServer(t, { env: { ...trusting, NILE_LOG_LEVEL: 'trace' } });
  const client = await Peer.register(server, 'client', 'HTTP');
  const node = await PostedPeer.register(t, server);
  const { secret } = node.site;
  const login = await node.come().then(() => call(server, { action: 'login', token: node.token }, { path: '/node/to/instance' }));
  assert.deepEqual(login.body, loggedNode(node.id, HASH, SHOP));
  const update = { action: 'update', token: node.token, parameters: { information: SHOP, hash: HASH } };
  assert.deepEqual((await call(server, update, { path: '/node/to/instance' })).body, {});

  const delivered = async () => {
    const { queue_id: queueId } = await client.queue(node.id, 'hello');
    await node.next();
    await reaches(client, queueId, 'delivered');
  };
  node.site.will(refuse(500));
  await delivered();
  await node.next();
  await server.restart();
  await delivered();
  const { token } = await node.accepted('tokenRotated', { action: 'rotateToken', parameters: { token: node.token } });
  const old = node.token;
  node.token = token;
  await introduce(client, node);
  await node.next();

  await server.stop();
  const files = readdirSync(server.dataDir, { recursive: true }).map((name) => path.join(server.dataDir, name));
  const disk = Buffer.concat(files.filter((file) => statSync(file).isFile()).map((file) => readFileSync(file)));
  const log = server.log;
  assert.ok(disk.includes(node.site.url), 'what is kept is found by this search');
  assert.match(log, /a node took no message.* node=1/);
  for (const issued of [old, token]) {
    assert.ok(!disk.includes(issued) && !disk.includes(issued.split('_')[2]), 'a token is on the disk');
    assert.ok(!log.includes(issued.split('_')[2]), 'a token is in the log');
  }
  assert.ok(!log.includes(secret.slice(4)), 'the secret is in the log');
});
