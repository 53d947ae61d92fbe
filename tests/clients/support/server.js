// Starts the built server as an operator would, on a port and a data directory of its own, and ends it again.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { PATIENCE, within } from './deadline.js';

export const REPOSITORY = fileURLToPath(new URL('../../..', import.meta.url));

/** How long the server may take to drain and exit after SIGTERM. */
const DRAIN = 10_000;

/** Where the server under test is: `NILE_BIN`, or the debug build of this repository. */
export function binary() {
  const target = process.env.CARGO_TARGET_DIR ?? 'target';
  const file = path.resolve(REPOSITORY, process.env.NILE_BIN ?? path.join(target, 'debug', 'nile-instance'));
  if (!existsSync(file)) {
    throw new Error(`there is no server at ${file}: run \`cargo build -p nile-instance\`, or set NILE_BIN`);
  }
  return file;
}

/** The environment of a server: nothing configured from outside, and no rates counted unless a test asks. */
export function environment(env) {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('NILE_'));
  return { ...Object.fromEntries(inherited), NILE_LIMITS_EXEMPT: '127.0.0.0/8', ...env };
}

/** Every server process that still runs, so that none outlives the tests. */
const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** Runs `nile-instance` with these arguments to its end; returns `{code, output, log}`. */
export async function command(args, env = {}) {
  const child = spawn(binary(), args, { env: environment(env), stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { output: '', log: '' };
  child.stdout.on('data', (chunk) => (said.output += chunk));
  child.stderr.on('data', (chunk) => (said.log += chunk));
  const code = await within(new Promise((resolve) => child.once('close', resolve)), `${args.join(' ')} to end`);
  return { code, ...said };
}

export class Server {
  #child;
  #exit;
  #log = [];
  #onDispose = [];
  #options;

  /** The address it serves on, `http://127.0.0.1:PORT`; another one after each restart. */
  url;
  /** What it has written to standard output since it was last started. */
  output;

  constructor({ env = {}, args = [], shell, dataDir } = {}) {
    this.#options = { env, args, shell };
    this.ownsDataDir = dataDir === undefined;
    this.dataDir = dataDir ?? mkdtempSync(path.join(tmpdir(), 'nile-clients-'));
  }

  /** All that it has written to standard error, over all its restarts. */
  get log() {
    return Buffer.concat(this.#log).toString();
  }

  get wsUrl() {
    return this.url.replace(/^http/, 'ws');
  }

  get port() {
    return Number(new URL(this.url).port);
  }

  /** Has `cleanup` called when the server is gone: for the clients that talk to it. */
  onDispose(cleanup) {
    this.#onDispose.push(cleanup);
  }

  /** Runs the process without waiting for anything. */
  spawn(listen = '127.0.0.1:0') {
    const { env, args, shell } = this.#options;
    const command = [binary(), '--listen', listen, '--data-dir', this.dataDir, ...args];
    if (shell) command.unshift('bash', '-c', `${shell}; exec "$0" "$@"`);
    const child = spawn(command[0], command.slice(1), {
      env: environment(env),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.output = '';
    running.add(child);
    child.stdout.on('data', (chunk) => (this.output += chunk));
    child.stderr.on('data', (chunk) => this.#log.push(chunk));
    this.#exit = new Promise((resolve, reject) => {
      child.once('error', reject);
      // `close` comes after the last byte of its output, `exit` may come before.
      child.once('close', (code, signal) => {
        running.delete(child);
        resolve({ code, signal });
      });
    });
    return child;
  }

  /** Runs the process until it says where it listens. */
  async start(listen) {
    const child = this.spawn(listen);
    const ready = new Promise((resolve) => {
      child.stdout.on('data', () => {
        const line = /^listening on (http:\/\/\S+)$/m.exec(this.output);
        if (line && this.output.includes('\n')) resolve(line[1]);
      });
    });
    const died = this.#exit.then(({ code, signal }) => {
      throw new Error(`the server ended (${signal ?? code}) before it was ready:\n${this.tail()}`);
    });
    died.catch(() => {});
    this.url = await within(Promise.race([ready, died]), 'the line `listening on http://…`');
    return this;
  }

  /** What it returned when it ended: `{code, signal}`. */
  exited(milliseconds = PATIENCE) {
    return within(this.#exit, 'the server to exit', milliseconds);
  }

  /** Ends it as an operator does, and insists that it drains in time and is content. */
  async stop() {
    this.#child.kill('SIGTERM');
    const { code, signal } = await this.exited(DRAIN);
    assert.equal(signal ?? code, 0, `the exit status after SIGTERM; its log ends:\n${this.tail()}`);
  }

  /** Ends it as a power cut does. */
  async kill() {
    this.#child.kill('SIGKILL');
    await this.exited();
  }

  /** Stops it and starts it again on the same data, on another port unless told to keep it. */
  async restart({ samePort = false } = {}) {
    const listen = samePort ? new URL(this.url).host : undefined;
    await this.stop();
    return this.start(listen);
  }

  /** The end of its log, for messages. */
  tail() {
    return this.log.split('\n').slice(-30).join('\n');
  }

  /** Stops it if it runs, then removes what it left. */
  async dispose() {
    try {
      if (running.has(this.#child)) await this.stop();
    } finally {
      if (running.has(this.#child)) await this.kill();
      await Promise.all(this.#onDispose.map((cleanup) => cleanup()));
      if (this.ownsDataDir) rmSync(this.dataDir, { recursive: true, force: true });
    }
  }
}

/** A server for the length of test `t`. It is stopped with its clients still connected, and must drain in time. */
export async function startServer(t, options) {
  const server = new Server(options);
  t.after(() => server.dispose());
  return server.start();
}
