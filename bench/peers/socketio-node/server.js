// Registers clients, logs them in and keeps what they say of themselves, over Socket.IO.
//
//   node server.js [--group] [--listen ADDRESS:PORT] [--data-dir DIRECTORY]
//
// Plain, each request that writes is a transaction. With --group, all requests of one turn of the event loop
// share one, and are answered after its commit.

import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Server } from 'socket.io';

import { Store } from './store.js';

const LARGEST_INFORMATION = 4096;

const { values: options } = parseArgs({
  options: {
    group: { type: 'boolean', default: false },
    listen: { type: 'string', default: '127.0.0.1:3335' },
    'data-dir': { type: 'string', default: 'data' },
  },
});

class Refusal extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

mkdirSync(options['data-dir'], { recursive: true });
const store = new Store(join(options['data-dir'], 'peer.sqlite'));

/** Which client speaks on which connection: socket id to client id. */
const online = new Map();

function information(parameters) {
  const value = parameters?.information;
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  const text = isObject && JSON.stringify(value);
  if (!text || text.length > LARGEST_INFORMATION) throw new Refusal('invalid_information', 'information not valid');
  return text;
}

function authenticated(parameters) {
  const token = parameters?.token;
  if (typeof token !== 'string') throw new Refusal('invalid_parameters', 'is missing');
  const id = store.authenticate(token);
  if (id === undefined) throw new Refusal('invalid_token', 'token not valid');
  return id;
}

const ACTIONS = {
  register(_, parameters) {
    return { action: 'registered', parameters: { token: store.register(information(parameters)) } };
  },
  login(socket, parameters) {
    online.set(socket.id, authenticated(parameters));
    return { action: 'logged', parameters: { queue: [] } };
  },
  update(_, parameters) {
    const text = information(parameters);
    store.update(authenticated(parameters), text);
    return { action: 'updated', parameters: {} };
  },
};

/** What a request is answered. Whatever a peer sends, this does not throw for it. */
function serve(socket, request) {
  const action = typeof request?.action === 'string' ? request.action : '';
  try {
    if (!Object.hasOwn(ACTIONS, action)) throw new Refusal('unknown_action', 'no such action');
    return ACTIONS[action](socket, request.parameters);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { action: `${action}Failed`, parameters: { code: error.code, msg: error.message } };
  }
}

/** Serves a request in a transaction of its own, which SQLite makes for its one statement that writes. */
function plainly(socket, request, answer) {
  answer(serve(socket, request));
}

/** The requests of this turn of the event loop. */
let turn = [];

function inGroup(socket, request, answer) {
  if (turn.length === 0) setImmediate(commitTurn);
  turn.push({ socket, request, answer });
}

function commitTurn() {
  const requests = turn;
  turn = [];
  const replies = store.transact(requests.map(({ socket, request }) => () => serve(socket, request)));
  replies.forEach((reply, index) => requests[index].answer(reply));
}

const submit = options.group ? inGroup : plainly;

const http = createServer();
const io = new Server(http, {
  transports: ['websocket'],
  perMessageDeflate: false,
  httpCompression: false,
  serveClient: false,
});
// The request of the handshake is not needed any more, and is several KiB a connection.
io.engine.on('connection', (connection) => {
  connection.request = null;
});

io.on('connection', (socket) => {
  const reply = (value) => socket.emit('instance.to.client', value);
  socket.on('client.to.instance', (request, acknowledge) => {
    const answer = typeof acknowledge === 'function' ? acknowledge : reply;
    // A ping touches no data, so it waits for no transaction.
    if (request?.action === 'ping') answer({ action: 'pinged', parameters: { success: true } });
    else submit(socket, request, answer);
  });
  socket.on('disconnect', () => online.delete(socket.id));
});

const [, host, port] = /^(.*):(\d+)$/.exec(options.listen) ?? [];
http.listen(Number(port), host, () => {
  const { address, port } = http.address();
  console.log(`listening on http://${address}:${port}`);
});

process.on('SIGTERM', () => {
  io.close(() => {
    store.close();
    process.exit(0);
  });
});
