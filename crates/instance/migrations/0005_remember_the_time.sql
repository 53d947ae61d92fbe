-- When messages were last swept, as long as that was not put off, within an hour (Unix milliseconds): after a
-- restart it tells how far the machine's clock has gone on. No row: never.
CREATE TABLE clock (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    sum INTEGER NOT NULL,
    swept_at INTEGER NOT NULL
) STRICT;
