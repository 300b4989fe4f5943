CREATE TABLE tokens (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('ta', 'lead')),
    hash TEXT NOT NULL UNIQUE,
    once INTEGER NOT NULL,
    made_at TEXT NOT NULL,
    expires_at TEXT,
    revoked_at TEXT
) STRICT;
CREATE TABLE sessions (
    hash TEXT PRIMARY KEY,
    token INTEGER NOT NULL REFERENCES tokens (id),
    made_at TEXT NOT NULL,
    expires_at TEXT NOT NULL
) STRICT;
CREATE TABLE visits (
    name TEXT PRIMARY KEY,
    before INTEGER NOT NULL,
    event INTEGER NOT NULL,
    at TEXT NOT NULL
) STRICT;
