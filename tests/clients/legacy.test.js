// Apps of 2019: the shapes of the first client and node libraries, over Socket.IO 2. They know no `id`, listen to
// `instance.to.…` alone, have their token at the top of the body, and acknowledge nothing but by `processQueue`.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { HASH, SHOP, ANNA } from './support/cycle.js';
import { Inbox } from './support/deadline.js';
import { startServer } from './support/server.js';
import { SocketIoConnection } from './support/socketio.js';

/** An app on a plain Socket.IO 2 connection: what it hears, by event and action. */
class App {
  #heard = new Map();

  static async open(server, kind) {
    const app = new App();
    const { socket } = await SocketIoConnection.open(server, { version: 2 });
    Object.assign(app, { socket, kind });
    socket.on(`instance.to.${kind}`, (body) => app.#inbox(body.action).put(body));
    const channel = kind === 'client' ? 'node.to.client' : 'client.to.node';
    socket.on(channel, (...args) => app.#inbox(channel).put(args));
    return app;
  }

  #inbox(name) {
    if (!this.#heard.has(name)) this.#heard.set(name, new Inbox());
    return this.#heard.get(name);
  }

  say(body) {
    this.socket.emit(`${this.kind}.to.instance`, body);
  }

  /** The parameters of the next thing with this action that the instance says, to whatever. */
  async hear(action) {
    const body = await this.#inbox(action).next(`${action} for the ${this.kind}`);
    assert.deepEqual(Object.keys(body), ['action', 'parameters'], 'no id where none was given');
    return body.parameters;
  }

  /** The next message of the other kind: one argument, the body. */
  async message() {
    const channel = this.kind === 'client' ? 'node.to.client' : 'client.to.node';
    const args = await this.#inbox(channel).next(`a message for the ${this.kind}`);
    assert.equal(args.length, 1, 'no callback, which these would not call');
    return args[0];
  }

  async register(parameters) {
    this.say({ action: 'register', parameters });
    this.token = (await this.hear('registered')).token;
  }

  async login() {
    this.say({ action: 'login', parameters: { token: this.token } });
    return this.hear('logged');
  }

  /** The list, as soon as there are so many in it. */
  async list(count) {
    for (;;) {
      const { onlineNodes } = await this.hear('updateOnlineNodes');
      if (onlineNodes.length === count) return onlineNodes;
    }
  }

  /** Goes, as a page that is closed, and waits until nobody finds it any more. */
  async close(witness) {
    this.socket.close();
    if (witness) await witness.list(0);
  }
}

const shopParameters = { hash: HASH, information: SHOP };
const call = (wsId, parameters) => ({ action: 'forward', recipient: wsId, parameters });

test('an app of 2019 calls a shop that is online, without a login, and is answered', async (t) => {
  const server = await startServer(t);
  const shop = await App.open(server, 'node');
  const app = await App.open(server, 'client');
  app.say({ action: 'updateNodeList' });
  assert.deepEqual(await app.list(0), []);
  await shop.register(shopParameters);
  const { hash, queue } = await shop.login();
  assert.deepEqual([hash, queue], [HASH, []]);
  const [node] = await app.list(1);
  assert.deepEqual([node.ipfs_hash, typeof node.node_id, typeof node.ws_id], [HASH, 'number', 'string']);

  const question = { action: 'menu', parameters: { day: 'monday' } };
  app.say(call(node.ws_id, question));
  const asked = await shop.message();
  assert.deepEqual(asked, { sender: asked.sender, content: question });
  shop.say(call(asked.sender, { _key: 'out', _data: ['bread'] }));
  assert.deepEqual(await app.message(), { sender: node.ws_id, content: { _key: 'out', _data: ['bread'] } });

  await shop.close(app);
  app.say(call(node.ws_id, question));
  assert.equal((await app.hear('forwardFailed')).code, 'recipient_offline');
});

/** A shop that is away, and the request that an app has left for it. */
async function ordered(server) {
  const shop = await App.open(server, 'node');
  await shop.register(shopParameters);
  const { id } = await shop.login();
  shop.socket.close();
  const app = await App.open(server, 'client');
  await app.register({ information: ANNA });
  const { information, queue } = await app.login();
  assert.deepEqual([information, queue], [ANNA, []]);
  const content = { action: 'buy', parameters: { bread: 2 } };
  app.say({ action: 'queue', recipient: id, token: app.token, parameters: content });
  await app.hear('queued');
  return { shop: Object.assign(await App.open(server, 'node'), { token: shop.token }), app, content, id };
}

test('an app of 2019 leaves an order, and is answered while it is there', async (t) => {
  const server = await startServer(t);
  const { shop, app, content, id } = await ordered(server);
  const [row] = (await shop.login()).queue;
  assert.deepEqual([row.sender, row.recipient, row.content, typeof row.ws_id], [1, id, content, 'string']);
  // As the library does where the row names a connection.
  shop.say({ ...call(row.ws_id, { _key: 'out', _data: 'ready' }), queue_id: row.queue_id, token: shop.token });
  const answer = await app.message();
  assert.deepEqual([answer.content, answer.sender], [{ _key: 'out', _data: 'ready' }, id]);
  app.say({ action: 'processQueue', parameters: { queue_id: answer.queue_id }, token: app.token });
  assert.deepEqual((await app.hear('updateQueue')).queue, []);
  assert.deepEqual((await shop.login()).queue, [], 'the order is done');
});

test('an app of 2019 leaves an order, goes, and finds the answer when it comes back', async (t) => {
  const server = await startServer(t);
  const { shop, app, content, id } = await ordered(server);
  app.socket.close();
  let row;
  do {
    [row] = (await shop.login()).queue;
    assert.deepEqual([row.sender, row.recipient, row.content], [1, id, content]);
  } while (row.ws_id);
  assert.equal('ws_id' in row, false, 'the library asks for it so');
  const answer = { action: 'queue', recipient: row.sender, parameters: { _key: 'out', _data: 'ready' } };
  shop.say({ ...answer, queue_id: row.queue_id, token: shop.token });
  await shop.hear('queued');
  assert.deepEqual((await shop.login()).queue, []);

  const back = Object.assign(await App.open(server, 'client'), { token: app.token });
  const { queue, information } = await back.login();
  assert.deepEqual(information, ANNA);
  assert.deepEqual([queue.length, queue[0].sender, queue[0].content], [1, id, answer.parameters]);
  back.say({ action: 'processQueue', parameters: { queue_id: queue[0].queue_id }, token: back.token });
  assert.deepEqual((await back.hear('updateQueue')).queue, []);
  assert.deepEqual((await back.login()).queue, []);
});

test('an app of 2019 whose answer comes by `forward` when it has just gone finds it in its queue', async (t) => {
  const server = await startServer(t);
  const { shop, app } = await ordered(server);
  const [row] = (await shop.login()).queue;
  app.socket.close();
  shop.say({ ...call(row.ws_id, 'ready'), queue_id: row.queue_id, token: shop.token });
  await shop.hear('queued');
  const back = Object.assign(await App.open(server, 'client'), { token: app.token });
  assert.deepEqual((await back.login()).queue.map(({ content }) => content), ['ready']);
});

test('an app of 2019 with a token that is none is told so', async (t) => {
  const server = await startServer(t);
  for (const kind of ['client', 'node']) {
    const app = await App.open(server, kind);
    app.say({ action: 'login', parameters: { token: 'abcde' } });
    assert.equal((await app.hear('loginFailed')).msg, 'token not valid');
  }
});
