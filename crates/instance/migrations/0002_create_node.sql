-- Nodes: who registered, how each proves who it is, what it publishes, and what it says about itself.
-- Their numbers are their own: client 1 and node 1 are two parties.
CREATE TABLE node (
    -- AUTOINCREMENT: the number of a deleted node is never given out again,
    -- so a token or a message that names it can never reach somebody else.
    id INTEGER PRIMARY KEY AUTOINCREMENT,

    -- SHA-256 of the secret in the node's token. The secret itself is never stored.
    token_hash BLOB NOT NULL CHECK (length(token_hash) = 32),

    -- The token that was handed out by a rotation and has not been used yet, and since when
    -- it waits (Unix milliseconds). Both are NULL when no rotation is under way.
    next_token_hash BLOB CHECK (length(next_token_hash) = 32),
    next_token_at INTEGER,

    -- Unix milliseconds; `updated_at` is when `hash` or `information` was last replaced.
    registered_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,

    -- How it registered: over a connection (Socket.IO or WebSocket), or over plain HTTP.
    protocol TEXT NOT NULL CHECK (protocol IN ('websocket', 'http')),

    -- 1 when the operator lets it take part: at once where admission is open.
    approved INTEGER NOT NULL CHECK (approved IN (0, 1)),

    -- The content identifier of what it publishes, bare.
    hash TEXT NOT NULL,

    -- A JSON object, kept as it was received. Last, because it is the only long column:
    -- reading the others never follows it onto overflow pages.
    information TEXT NOT NULL,

    CHECK ((next_token_hash IS NULL) = (next_token_at IS NULL))
) STRICT;
