-- Clients: who registered, how each proves who it is, and what it says about itself.
CREATE TABLE client (
    -- AUTOINCREMENT: the number of a deleted client is never given out again,
    -- so a token or a message that names it can never reach somebody else.
    id INTEGER PRIMARY KEY AUTOINCREMENT,

    -- SHA-256 of the secret in the client's token. The secret itself is never stored.
    token_hash BLOB NOT NULL CHECK (length(token_hash) = 32),

    -- The token that was handed out by a rotation and has not been used yet, and since when
    -- it waits (Unix milliseconds). Both are NULL when no rotation is under way.
    next_token_hash BLOB CHECK (length(next_token_hash) = 32),
    next_token_at INTEGER,

    -- Unix milliseconds; `updated_at` is when `information` was last replaced.
    registered_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,

    -- A JSON object, kept as it was received. Last, because it is the only long column:
    -- reading the others never follows it onto overflow pages.
    information TEXT NOT NULL,

    CHECK ((next_token_hash IS NULL) = (next_token_at IS NULL))
) STRICT;
