-- Messages from client to node and from node to client, kept until some time after they have ended.
CREATE TABLE message (
    -- The wire's `queue_id`. AUTOINCREMENT: it is never given out again, and it is the order of sending.
    seq INTEGER PRIMARY KEY AUTOINCREMENT,

    -- 1 for a message from a client to a node, 0 for one from a node to a client: a message always
    -- crosses between the kinds, so this says what kind both numbers are of. Neither is a reference,
    -- because what somebody has sent outlives whoever sent it.
    to_node INTEGER NOT NULL CHECK (to_node IN (0, 1)),
    to_id INTEGER NOT NULL,
    from_id INTEGER NOT NULL,

    -- The sender's own name for it, if it gave one, and then the first 16 bytes of SHA-256 over what was
    -- asked, to tell a repetition from another message of the same name.
    sender_ref TEXT,
    digest BLOB CHECK (length(digest) = 16),

    -- Unix milliseconds.
    sent_at INTEGER NOT NULL,

    -- 0 stored, 1 delivered, 2 expired, 3 refused, 4 withdrawn; and since when (Unix milliseconds).
    -- All but the first are ends.
    state INTEGER NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 4),
    changed_at INTEGER NOT NULL,

    -- When it was first handed to its recipient (Unix milliseconds), as far as that did not end it.
    handed_at INTEGER,

    -- How often it was pushed in vain.
    pushes INTEGER NOT NULL DEFAULT 0,

    -- The length of the body, also when that is gone.
    bytes INTEGER NOT NULL,

    -- JSON, kept as it was received, and emptied when the message has ended. Last, because it is the
    -- only long column: reading the others never follows it onto overflow pages.
    body TEXT,

    CHECK ((sender_ref IS NULL) = (digest IS NULL)),
    CHECK ((body IS NULL) = (state <> 0))
) STRICT;

-- What waits for a party, oldest first: an entry ends in `seq` without being told to, and what has
-- ended has none.
CREATE INDEX message_waiting ON message (to_node, to_id) WHERE state = 0;

-- A sender's names; `to_node` tells its kind, too.
CREATE UNIQUE INDEX message_named ON message (to_node, from_id, sender_ref)
    WHERE sender_ref IS NOT NULL;

-- A row for each party that was ever written to. Sums change in the transaction that changes what they
-- are of.
CREATE TABLE queue (
    to_node INTEGER NOT NULL CHECK (to_node IN (0, 1)),
    to_id INTEGER NOT NULL,

    -- How many messages wait for it, and the length of their bodies.
    waiting INTEGER NOT NULL,
    bytes INTEGER NOT NULL,

    -- `seq` of the last message that was sent to it, be it gone or not.
    newest INTEGER NOT NULL,

    -- 1 when it has ever removed a message itself.
    acknowledges INTEGER NOT NULL DEFAULT 0 CHECK (acknowledges IN (0, 1)),

    -- `seq` of the last message that was handed over, as long as it has not.
    handed_to INTEGER NOT NULL DEFAULT 0,

    PRIMARY KEY (to_node, to_id)
) STRICT, WITHOUT ROWID;

-- A row for each client and node of which the client has written to the node. That there is one is what
-- lets the node write to the client, so it stays when nothing waits any more.
CREATE TABLE pair (
    client_id INTEGER NOT NULL,
    node_id INTEGER NOT NULL,

    -- How many messages from one wait for the other.
    to_node INTEGER NOT NULL,
    to_client INTEGER NOT NULL,

    PRIMARY KEY (client_id, node_id)
) STRICT, WITHOUT ROWID;

-- Where a node that registered over HTTP wants its messages, and the secret that they are signed with.
ALTER TABLE node ADD COLUMN resource TEXT;
ALTER TABLE node ADD COLUMN delivery_secret BLOB
    CHECK (length(delivery_secret) = 32)
    CHECK ((resource IS NULL) = (delivery_secret IS NULL));
