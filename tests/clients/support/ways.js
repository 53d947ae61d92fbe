// The ways into the instance behind one face, so that what must hold on all of them is written once.

import assert from 'node:assert/strict';

import { call } from './http.js';
import { SocketIoConnection } from './socketio.js';
import { RawConnection } from './websocket.js';

/** What the instance answers to each action when it serves it. */
const REPLIES = {
  register: 'registered',
  login: 'logged',
  update: 'updated',
  logout: 'loggedOut',
  delete: 'deleted',
  rotateToken: 'tokenRotated',
  ping: 'pinged',
};

/** The status of each refusal over HTTP. */
const STATUSES = {
  invalid_request: 400,
  invalid_parameters: 422,
  invalid_information: 422,
  invalid_hash: 422,
  unknown_action: 404,
  invalid_token: 401,
  forbidden: 403,
  too_large: 413,
  rate_limited: 429,
  unavailable: 503,
};

/** The codes that come with one more parameter than `code` and `msg`, and whether they must. */
const EXTRA = {
  invalid_parameters: 'field',
  invalid_information: 'field',
  invalid_hash: 'field',
  rate_limited: 'retry_after',
};

/** The name of the refusal of `request`: `error` where it has no verb that the instance knows. */
function refusalOf(request) {
  const verb = request?.action;
  return typeof verb === 'string' && Object.hasOwn(REPLIES, verb) ? `${verb}Failed` : 'error';
}

/** Checks the parameters of a refusal, on whatever transport they came. */
export function checkRefusal(refusal, code, field) {
  assert.equal(refusal.code, code, `the code of ${JSON.stringify(refusal)}`);
  assert.equal(typeof refusal.msg, 'string');
  assert.notEqual(refusal.msg, '');
  const allowed = ['code', 'msg', EXTRA[code]];
  const keys = Object.keys(refusal).filter((key) => !allowed.includes(key));
  assert.deepEqual(keys, [], 'a refusal has no parameters but these');
  if (field !== undefined) assert.equal(refusal.field, field);
  if (code === 'rate_limited') {
    assert.ok(Number.isInteger(refusal.retry_after) && refusal.retry_after >= 1, JSON.stringify(refusal));
  }
  return refusal;
}

/** A connection that answers each request with a message; `ask(body, channel)` sends one and returns its answer. */
class Conversation {
  constructor(connection, ask, kind = 'client') {
    this.connection = connection;
    this.converse = ask;
    this.kind = kind;
  }

  ask(body) {
    return this.converse(body, `${this.kind}.to.instance`);
  }

  /** The same connection, on which a party of `kind` speaks. */
  as(kind) {
    return new Conversation(this.connection, this.converse, kind);
  }

  /** Sends `request`, which must be served, and returns the parameters of the reply. */
  async accepted(request) {
    const reply = await this.ask(request);
    const { parameters } = reply;
    const id = request.id === undefined ? {} : { id: request.id };
    assert.deepEqual(reply, { action: REPLIES[request.action], parameters, ...id });
    return parameters;
  }

  /** Sends `request`, which must be refused, and returns the parameters of the refusal. */
  async refused(request, code, field) {
    const reply = await this.ask(request);
    const id = request?.id === undefined ? {} : { id: request.id };
    const { parameters } = reply;
    assert.deepEqual(reply, { action: refusalOf(request), parameters, ...id });
    return checkRefusal(parameters, code, field);
  }
}

/** The same over HTTP, where each request stands alone. */
class Exchange {
  constructor(server, kind = 'client') {
    this.server = server;
    this.kind = kind;
  }

  as(kind) {
    return new Exchange(this.server, kind);
  }

  call(request) {
    return call(this.server, request, { path: `/${this.kind}/to/instance` });
  }

  async accepted(request) {
    const answer = await this.call(request);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    assert.equal(answer.type, 'application/json');
    return answer.body;
  }

  async refused(request, code, field) {
    return checkProblem(await this.call(request), code, field);
  }
}

/** Checks a refusal over HTTP: its status, its type, and the body, a problem (RFC 9457) with the refusal's parameters. */
export function checkProblem(answer, code, field) {
  assert.equal(answer.status, STATUSES[code], JSON.stringify(answer.body));
  assert.equal(answer.type, 'application/problem+json');
  const { title, status, ...refusal } = answer.body;
  assert.equal(typeof title, 'string');
  assert.equal(status, answer.status);
  return checkRefusal(refusal, code, field);
}

/** A conversation over an open connection, by events or by acknowledgements. */
export const byEvents = (connection) => new Conversation(connection, (body, channel) => connection.request(body, channel));
export const byAcknowledgements = (connection) => new Conversation(connection, (body, channel) => connection.ask(body, channel));

const events = (options) => async (server) => {
  const connection = await SocketIoConnection.open(server, options);
  return byEvents(connection);
};

const acknowledged = (options) => async (server) => {
  const connection = await SocketIoConnection.open(server, options);
  return byAcknowledgements(connection);
};

export const rawWebSocket = (options) => async (server) => {
  const connection = await RawConnection.open(server, options);
  return byEvents(connection);
};

export const http = async (server) => new Exchange(server);

/** The ways that keep a connection open: a client can log in on them. */
export const SOCKETS = {
  'Socket.IO 4 events': events({ version: 4 }),
  'Socket.IO 4 acknowledgements': acknowledged({ version: 4 }),
  'Socket.IO 3 events over polling': events({ version: 3, transports: ['polling'] }),
  'Socket.IO 2 events over polling': events({ version: 2, transports: ['polling'] }),
  'Socket.IO 2 acknowledgements': acknowledged({ version: 2 }),
  'a bare WebSocket': rawWebSocket(),
};

export const WAYS = { ...SOCKETS, HTTP: http };

/** The same ways, taken by a node. */
export const asNode = (ways) =>
  Object.fromEntries(Object.entries(ways).map(([name, open]) => [name, async (server) => (await open(server)).as('node')]));
