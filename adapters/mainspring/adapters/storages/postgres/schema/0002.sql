-- oldest: 1
-- The tenants of a server, and the keys that open them. Of a key only its SHA-256 is kept (mainspring.core.access).
CREATE TABLE {schema}.projects (
    name text COLLATE "C" PRIMARY KEY,
    body text NOT NULL
);
CREATE TABLE {schema}.api_keys (
    id text COLLATE "C" PRIMARY KEY,
    project text COLLATE "C" NOT NULL,
    body text NOT NULL
);
CREATE INDEX api_keys_by_project ON {schema}.api_keys (project);
