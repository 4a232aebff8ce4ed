-- oldest: 1
-- The tenants of a server, and the keys that open them. Of a key only its SHA-256 is kept (mainspring.core.access).

CREATE TABLE projects (
    name TEXT PRIMARY KEY,
    body TEXT NOT NULL,
    crc INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    project TEXT NOT NULL,
    body TEXT NOT NULL,
    crc INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX api_keys_by_project ON api_keys (project);
