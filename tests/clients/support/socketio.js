// The official JavaScript clients of Socket.IO, in each major version that is in use.

import assert from 'node:assert/strict';

import io2 from 'socket.io-client-2';
import io3 from 'socket.io-client-3';
import { io as io4 } from 'socket.io-client-4';

import { Inbox, within } from './deadline.js';

export const CLIENTS = { 2: io2, 3: io3, 4: io4 };

export const VERSIONS = Object.keys(CLIENTS).map(Number);

/** Ways to travel, as the clients' `transports` option spells them. */
export const TRANSPORTS = {
  'websocket only': ['websocket'],
  'polling only': ['polling'],
  'polling upgraded to websocket': ['polling', 'websocket'],
};

/** The two spellings of the event that carries what the instance says. */
export const SPEC = 'instace.to.client';
export const PLAIN = 'instance.to.client';

/** Who asks on a channel; whoever asks on none that there is is answered as a client. */
const asker = (channel) => (channel.startsWith('node.to.') ? 'node' : 'client');

/** The event on which whoever asks on `channel` is answered, where a client would be answered on `name`. */
export const answerTo = (channel, name) => name.replace(/client$/, asker(channel));

/** Whether a body is news of the online nodes, which come when they like; they have tests of their own. */
export const isNews = (body) => body?.action === 'updateOnlineNodes' && body.id === undefined;

export class SocketIoConnection {
  /** What has been heard, by event name. */
  heard = Object.fromEntries(
    [SPEC, PLAIN].flatMap((name) => [name, answerTo('node.to.instance', name)]).map((name) => [name, new Inbox()]),
  );

  /** `curious`: to hear news of the online nodes as well. */
  constructor(socket, names, curious) {
    this.socket = socket;
    this.names = names;
    this.curious = curious;
    for (const [name, inbox] of Object.entries(this.heard)) {
      socket.on(name, (...args) => {
        if (!this.curious && isNews(args[0])) return;
        inbox.put(args.length === 1 ? args[0] : { unexpectedArguments: args });
      });
    }
    /** Resolves with the reason when the connection ends. */
    this.closed = new Promise((resolve) => socket.once('disconnect', resolve));
  }

  /**
   * Connects, and upgrades where the transports say so. `names` are the reply events that are expected to be
   * heard: both, unless the test asks for one spelling in `query` or `auth`.
   */
  static async open(server, options = {}) {
    const { version = 4, transports = ['websocket'], names = [SPEC, PLAIN], curious = false, ...rest } = options;
    const socket = CLIENTS[version](server.url, {
      transports,
      forceNew: true,
      reconnection: false,
      ...rest,
    });
    server.onDispose(() => socket.close());
    const connection = new SocketIoConnection(socket, names, curious);
    const { engine } = socket.io;
    const upgraded = new Promise((resolve) => engine.once('upgrade', resolve));
    const connected = new Promise((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('connect_error', reject);
      socket.once('error', reject);
    });
    await within(connected, `Socket.IO ${version} to connect`);
    if (transports.length > 1) await within(upgraded, `Socket.IO ${version} to upgrade to websocket`);
    assert.equal(engine.transport.name, transports.at(-1), 'the transport that is really used');
    return connection;
  }

  emit(body, channel = 'client.to.instance') {
    this.socket.emit(channel, body);
  }

  /** The next thing the instance says on `channel`'s behalf, which must be the same under each name that is expected. */
  async next(channel = 'client.to.instance') {
    const names = this.names.map((name) => answerTo(channel, name));
    const said = await Promise.all(names.map((name) => this.heard[name].next(`an event ${name}`)));
    for (const message of said) assert.deepEqual(message, said[0], 'the same under both names');
    return said[0];
  }

  /** Sends a plain event and returns the reply event's body. */
  request(body, channel) {
    this.emit(body, channel);
    return this.next(channel);
  }

  /** Sends an event with an acknowledgement callback and returns what it was called with. */
  ask(body, channel = 'client.to.instance') {
    const answer = new Promise((resolve) => {
      this.socket.emit(channel, body, (...args) => {
        resolve(args.length === 1 ? args[0] : { unexpectedArguments: args });
      });
    });
    return within(answer, `an acknowledgement of ${JSON.stringify(body)?.slice(0, 80)}`);
  }

  /** How many events have come that no test has looked at. */
  get unread() {
    return Object.values(this.heard).reduce((sum, inbox) => sum + inbox.size, 0);
  }

  close() {
    this.socket.close();
  }
}
