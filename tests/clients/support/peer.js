// A client or a node as its own program sees it: it registers, comes, hears, sends, acknowledges and goes.
//
// All that it hears is sorted: answers go to whoever asked, messages into `messages`, whether they came in a page
// of its queue or by a push, what connections forward into `forwards`, presence into `presence`, states into `states`.

import assert from 'node:assert/strict';

import { ANNA, HASH, SHOP } from './cycle.js';
import { Inbox, PATIENCE, until, within } from './deadline.js';
import { LINKS } from './link.js';

const OTHER = { client: 'node', node: 'client' };

export class Peer {
  /** Every message that came, as often as it came: `{queue_id, sender, content, ...}`, `by` page or push. */
  heard = [];
  messages = new Inbox();
  forwards = new Inbox();
  presence = new Inbox();
  states = new Inbox();
  #answers = new Map();
  #asked = 0;
  #known = new Set();

  constructor(server, kind, way) {
    this.server = server;
    this.kind = kind;
    this.way = way;
  }

  /** A party that has just registered, and is not online. */
  static async register(server, kind, way, information) {
    const peer = new Peer(server, kind, way);
    await peer.open();
    const parameters = kind === 'node' ? { hash: HASH, information: information ?? SHOP } : { information: information ?? ANNA };
    Object.assign(peer, await peer.accepted('registered', { action: 'register', parameters }));
    return peer;
  }

  /** The same party on another connection or another way, which hears for itself. */
  also(way = this.way) {
    return Object.assign(new Peer(this.server, this.kind, way), { token: this.token, id: this.id });
  }

  /** Connects, without saying who it is; `via` is a network to the server that is not its own address. */
  async open(via = this.server) {
    this.link = await LINKS[this.way](via, (event, body, acknowledge) => this.#hear(event, body, acknowledge));
    return this;
  }

  /** Connects if need be and logs in; returns what `logged` says. */
  async come(parameters = {}) {
    if (!this.link?.isOpen) await this.open();
    return this.accepted('logged', { action: 'login', parameters: { token: this.token, ...parameters } });
  }

  /** Is gone. Whoever has no connection goes by no longer asking. */
  go() {
    return this.link.close();
  }

  /** Has lost its connection with the server's end. */
  lost() {
    return this.link.closed;
  }

  /** Sends a request and returns its answer, found by its id. */
  async ask(request, channel = `${this.kind}.to.instance`) {
    if (!this.link) await this.open();
    const body = 'id' in request ? request : { ...request, id: (this.#asked += 1) };
    const answer = new Promise((resolve) => this.#answers.set(body.id, resolve));
    const direct = await this.link.send(channel, this.#proven(body));
    if (direct) this.#answered(body.id, direct);
    return within(answer, `an answer to ${JSON.stringify(body).slice(0, 90)}`);
  }

  /** Sends what must be answered with `action`; returns the parameters. */
  async accepted(action, request, channel) {
    const answer = await this.ask(request, channel);
    assert.equal(answer.action ?? action, action, JSON.stringify(answer));
    return answer.parameters;
  }

  /** Sends what must be refused; returns the refusal. */
  async refused(code, request, channel) {
    const { action, parameters } = await this.ask(request, channel);
    assert.match(action, /Failed$|^error$/);
    assert.equal(parameters.code, code, JSON.stringify(parameters));
    return parameters;
  }

  /** Without a connection each request has its token. */
  #proven(body) {
    return this.link.isOnline || body.parameters?.token || body.token || !this.token ? body : { ...body, token: this.token };
  }

  /** Sends on the channel of the parties; returns the parameters of `forwarded`. */
  send(recipient, action, parameters = {}, rest = {}) {
    return this.accepted('forwarded', { action, parameters, recipient, ...rest }, `${this.kind}.to.${OTHER[this.kind]}`);
  }

  /** Sends by `queue`; returns `{queue_id}`. `rest` may name the request that is answered. */
  queue(recipient, parameters, rest = {}) {
    return this.accepted('queued', { action: 'queue', recipient, parameters, ...rest });
  }

  /** Removes these from its queue; returns a page of what still waits. */
  process(...queueIds) {
    return this.accepted('updateQueue', { action: 'processQueue', parameters: { queue_ids: queueIds } });
  }

  /** Removes these from its queue; returns how many still wait. */
  async remove(...queueIds) {
    const parameters = { queue_ids: queueIds, limit: 0 };
    return (await this.accepted('updateQueue', { action: 'processQueue', parameters })).total;
  }

  /** Acknowledges by the push's callback where there is one, and by `processQueue` where there is none. */
  async acknowledge(message) {
    if (message.acknowledge) message.acknowledge();
    else await this.remove(message.queue_id);
  }

  async state(message) {
    const { state } = await this.accepted('messageStatus', { action: 'messageStatus', parameters: message });
    return state;
  }

  /** The next message that was not heard before, in whatever way it comes. */
  async next() {
    if (!this.link.isOnline) {
      await until(async () => this.messages.size > 0 || (await this.come(), this.messages.size > 0), 'a message in the queue');
    }
    return this.messages.next(`a message for ${this.kind} ${this.id} on ${this.way}`);
  }

  /** The next `count` messages. */
  async take(count) {
    const messages = [];
    while (messages.length < count) messages.push(await this.next());
    return messages;
  }

  /** Answers come in order: behind this one, all that was to be said before has been heard. */
  async settled() {
    await this.accepted('pinged', { action: 'ping' });
  }

  #hear(event, body, acknowledge) {
    if (event.startsWith('instance.to.')) {
      if (this.#answers.has(body.id)) this.#answered(body.id, body);
      else if (body.action === 'updateOnlineNodes') this.presence.put(body.parameters.onlineNodes);
      else if (body.action === 'messageStatus') this.states.put(body.parameters);
      else throw new Error(`nobody asked for ${event} ${JSON.stringify(body)}`);
    } else if (body.queue_id === undefined) {
      this.forwards.put({ event, ...body });
    } else {
      this.#note({ ...body, event, by: 'push', acknowledge });
    }
  }

  /** What an answer hands over comes before whatever is heard after it. */
  #answered(id, body) {
    for (const row of body.parameters.queue ?? []) this.#note({ ...row, by: 'page' });
    this.#answers.get(id)(body);
    this.#answers.delete(id);
  }

  #note(message) {
    this.heard.push(message);
    if (this.#known.has(message.queue_id)) return;
    this.#known.add(message.queue_id);
    this.messages.put(message);
  }

  /** Forgets what it heard, as an app that is started again. */
  forget() {
    this.heard = [];
    this.#known.clear();
    this.messages = new Inbox();
  }
}

/** The message has come to `state`: an acknowledgement by callback is not answered, so this asks until it has. */
export const reaches = (sender, queueId, state) =>
  until(async () => (await sender.state({ queue_id: queueId })) === state, `message ${queueId} to be ${state}`, PATIENCE);
