-- Every row gets a sum over itself: the name of its table and all its columns, its key among them. A row
-- that was altered on the disk, or is found in another's place, does not fit its sum, and is not served.
-- `seal` is a function of the program (`store/seal.rs`), so rows are added and changed by it alone.
--
-- The tables are made anew, because a long column has to stay the last. What the others mean is told where
-- they were made.
ALTER TABLE client RENAME TO client_unsealed;
ALTER TABLE node RENAME TO node_unsealed;
ALTER TABLE message RENAME TO message_unsealed;
ALTER TABLE queue RENAME TO queue_unsealed;
ALTER TABLE pair RENAME TO pair_unsealed;

CREATE TABLE client (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sum INTEGER NOT NULL,
    token_hash BLOB NOT NULL CHECK (length(token_hash) = 32),
    next_token_hash BLOB CHECK (length(next_token_hash) = 32),
    next_token_at INTEGER,
    registered_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    information TEXT NOT NULL,
    CHECK ((next_token_hash IS NULL) = (next_token_at IS NULL))
) STRICT;
INSERT INTO client SELECT id, seal('client', id, token_hash, next_token_hash, next_token_at, registered_at,
    updated_at, information), token_hash, next_token_hash, next_token_at, registered_at, updated_at,
    information
    FROM client_unsealed;

CREATE TABLE node (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sum INTEGER NOT NULL,
    token_hash BLOB NOT NULL CHECK (length(token_hash) = 32),
    next_token_hash BLOB CHECK (length(next_token_hash) = 32),
    next_token_at INTEGER,
    registered_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    protocol TEXT NOT NULL CHECK (protocol IN ('websocket', 'http')),
    approved INTEGER NOT NULL CHECK (approved IN (0, 1)),
    hash TEXT NOT NULL,
    resource TEXT,
    delivery_secret BLOB CHECK (length(delivery_secret) = 32),
    information TEXT NOT NULL,
    CHECK ((next_token_hash IS NULL) = (next_token_at IS NULL)),
    CHECK ((resource IS NULL) = (delivery_secret IS NULL))
) STRICT;
INSERT INTO node SELECT id, seal('node', id, token_hash, next_token_hash, next_token_at, registered_at,
    updated_at, protocol, approved, hash, resource, delivery_secret, information), token_hash,
    next_token_hash, next_token_at, registered_at, updated_at, protocol, approved, hash, resource,
    delivery_secret, information
    FROM node_unsealed;

CREATE TABLE message (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    sum INTEGER NOT NULL,
    to_node INTEGER NOT NULL CHECK (to_node IN (0, 1)),
    to_id INTEGER NOT NULL,
    from_id INTEGER NOT NULL,
    sender_ref TEXT,
    digest BLOB CHECK (length(digest) = 16),
    sent_at INTEGER NOT NULL,
    state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 4),
    changed_at INTEGER NOT NULL,
    handed_at INTEGER,
    pushes INTEGER NOT NULL,
    bytes INTEGER NOT NULL,

    -- The sum of the body, also when that is gone: `sum` covers this in its place, so that whoever does not
    -- need the body does not read it.
    body_sum INTEGER NOT NULL,
    body TEXT,

    CHECK ((sender_ref IS NULL) = (digest IS NULL)),
    CHECK ((body IS NULL) = (state <> 0))
) STRICT;
INSERT INTO message SELECT seq, seal('message', seq, to_node, to_id, from_id, sender_ref, digest, sent_at,
    state, changed_at, handed_at, pushes, bytes, seal('body', seq, body)), to_node, to_id, from_id,
    sender_ref, digest, sent_at, state, changed_at, handed_at, pushes, bytes, seal('body', seq, body), body
    FROM message_unsealed;

CREATE TABLE queue (
    to_node INTEGER NOT NULL CHECK (to_node IN (0, 1)),
    to_id INTEGER NOT NULL,
    sum INTEGER NOT NULL,
    waiting INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    newest INTEGER NOT NULL,
    acknowledges INTEGER NOT NULL CHECK (acknowledges IN (0, 1)),
    handed_to INTEGER NOT NULL,
    PRIMARY KEY (to_node, to_id)
) STRICT, WITHOUT ROWID;
INSERT INTO queue SELECT to_node, to_id, seal('queue', to_node, to_id, waiting, bytes, newest, acknowledges,
    handed_to), waiting, bytes, newest, acknowledges, handed_to
    FROM queue_unsealed;

CREATE TABLE pair (
    client_id INTEGER NOT NULL,
    node_id INTEGER NOT NULL,
    sum INTEGER NOT NULL,
    to_node INTEGER NOT NULL,
    to_client INTEGER NOT NULL,
    PRIMARY KEY (client_id, node_id)
) STRICT, WITHOUT ROWID;
INSERT INTO pair SELECT client_id, node_id, seal('pair', client_id, node_id, to_node, to_client), to_node,
    to_client
    FROM pair_unsealed;

-- The numbers that were given last stay known, also where the rows that had them are gone.
DELETE FROM sqlite_sequence WHERE name IN ('client', 'node', 'message');
UPDATE sqlite_sequence SET name = substr(name, 1, instr(name, '_unsealed') - 1)
    WHERE name LIKE '%\_unsealed' ESCAPE '\';

DROP TABLE client_unsealed;
DROP TABLE node_unsealed;
DROP TABLE message_unsealed;
DROP TABLE queue_unsealed;
DROP TABLE pair_unsealed;

CREATE INDEX message_waiting ON message (to_node, to_id) WHERE state = 0;
CREATE UNIQUE INDEX message_named ON message (to_node, from_id, sender_ref)
    WHERE sender_ref IS NOT NULL;
