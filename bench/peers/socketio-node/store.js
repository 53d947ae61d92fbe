// The database: one connection, prepared statements, every write on disk when `transact` has returned.

import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import Database from 'better-sqlite3';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS client (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    secret_hash BLOB NOT NULL,
    information TEXT NOT NULL
  ) STRICT`;

const digest = (secret) => hash('sha256', secret, 'buffer');

export class Store {
  #database;
  #insert;
  #secretHash;
  #update;
  #all;

  constructor(file) {
    this.#database = new Database(file);
    this.#database.pragma('journal_mode = WAL');
    this.#database.pragma('synchronous = FULL');
    this.#database.exec(SCHEMA);
    this.#insert = this.#database.prepare('INSERT INTO client (secret_hash, information) VALUES (?, ?)');
    this.#secretHash = this.#database.prepare('SELECT secret_hash FROM client WHERE id = ?').pluck();
    this.#update = this.#database.prepare('UPDATE client SET information = ? WHERE id = ?');
    this.#all = this.#database.transaction((works) => works.map((work) => work()));
  }

  /** Runs all of them in one transaction, and returns their results once it is committed. */
  transact(works) {
    return this.#all(works);
  }

  /** The token of a new client. It carries the row's id, so that looking it up is one step in the primary key. */
  register(information) {
    const secret = randomBytes(32).toString('base64url');
    const { lastInsertRowid } = this.#insert.run(digest(secret), information);
    return `${lastInsertRowid}.${secret}`;
  }

  /** The id of the client with this token, or undefined. */
  authenticate(token) {
    const dot = token.indexOf('.');
    const id = Number(token.slice(0, dot));
    if (dot < 1 || !Number.isSafeInteger(id)) return undefined;
    const expected = this.#secretHash.get(id);
    return expected && timingSafeEqual(expected, digest(token.slice(dot + 1))) ? id : undefined;
  }

  update(id, information) {
    this.#update.run(information, id);
  }

  close() {
    this.#database.close();
  }
}
