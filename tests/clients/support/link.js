// How a peer's bytes travel: each link sends on a channel and hands what it hears to `hear(event, body, acknowledge)`.
//
// `send` returns the answer where the way gives it at once (HTTP), and nothing where it is heard like all else.

import { within } from './deadline.js';
import { call } from './http.js';
import { CLIENTS } from './socketio.js';
import { RawConnection } from './websocket.js';

const EVENTS = ['instance.to.client', 'instance.to.node', 'client.to.node', 'node.to.client'];

const socketIo = (version, transports = ['websocket']) => async (server, hear) => {
  const socket = CLIENTS[version](server.url, {
    transports,
    forceNew: true,
    reconnection: false,
    query: { spelling: 'plain' },
  });
  server.onDispose(() => socket.close());
  for (const event of EVENTS) socket.on(event, (body, acknowledge) => hear(event, body, acknowledge));
  const closed = new Promise((resolve) => socket.once('disconnect', resolve));
  const connected = new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  });
  await within(connected, `Socket.IO ${version} to connect`);
  return {
    socket,
    isOnline: true,
    get isOpen() {
      return socket.connected;
    },
    closed,
    send: async (channel, body) => void socket.emit(channel, body),
    async close() {
      socket.close();
      await closed;
    },
  };
};

const webSocket = async (server, hear) => {
  const connection = await RawConnection.open(server, { path: '/ws?spelling=plain' });
  const { socket, closed } = connection;
  socket.on('message', (text) => {
    const { event, body } = JSON.parse(text);
    hear(event, body);
  });
  return {
    socket,
    isOnline: true,
    get isOpen() {
      return socket.readyState === socket.OPEN;
    },
    closed,
    send: async (channel, body) => void socket.send(JSON.stringify({ event: channel, body })),
    async close() {
      socket.close();
      await within(closed, 'the WebSocket to close');
    },
  };
};

/** Here a party has no connection: it fetches what waits. */
const http = async (server) => ({
  isOnline: false,
  isOpen: true,
  closed: Promise.resolve(),
  async send(channel, body) {
    const answer = await call(server, body, { path: `/${channel.replaceAll('.', '/')}` });
    const { title, status, ...parameters } = answer.body;
    return answer.status === 200 ? { parameters: answer.body } : { action: 'requestFailed', parameters };
  },
  async close() {},
});

export const LINKS = {
  'Socket.IO 4': socketIo(4),
  'Socket.IO 3': socketIo(3),
  'Socket.IO 2': socketIo(2),
  'Socket.IO 4 polling': socketIo(4, ['polling']),
  WebSocket: webSocket,
  HTTP: http,
};
