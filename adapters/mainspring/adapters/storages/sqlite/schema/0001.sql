-- oldest: 1
-- Instants are whole microseconds since 1970-01-01 UTC. What a row means is in its JSON text (mainspring.adapters.codec);
-- the columns repeat what is searched by. ``crc`` seals the text and those columns: a flipped bit is found when read.
-- A quarantined row could not be read; the column says why, and nothing takes the row up until it was mended.

-- The steps of this schema that the file has taken (mainspring.adapters.storages.migrations).
CREATE TABLE migrations (
    number INTEGER PRIMARY KEY,
    checksum TEXT NOT NULL,
    oldest INTEGER NOT NULL,
    at INTEGER NOT NULL
);

CREATE TABLE tasks (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    project TEXT NOT NULL,
    queue TEXT NOT NULL,
    name TEXT,
    key TEXT,
    schedule_id TEXT,
    rank INTEGER NOT NULL, -- minus the priority: the order is ascending throughout
    created_at INTEGER NOT NULL,
    status TEXT NOT NULL
        CHECK (status IN ('pending', 'running', 'cancelling', 'succeeded', 'failed', 'cancelled', 'expired')),
    due INTEGER,
    lease_until INTEGER,
    ended_at INTEGER,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    crc INTEGER NOT NULL,
    quarantined TEXT,
    CHECK ((due IS NOT NULL) = (status = 'pending' AND quarantined IS NULL)),
    CHECK ((lease_until IS NOT NULL) = (status IN ('running', 'cancelling') AND quarantined IS NULL)),
    CHECK ((ended_at IS NOT NULL) = (status IN ('succeeded', 'failed', 'cancelled', 'expired')))
);
CREATE INDEX tasks_due ON tasks (project, queue, rank, due, id) WHERE due IS NOT NULL;
CREATE INDEX tasks_keyed ON tasks (project, queue, key, rank, due, id) WHERE due IS NOT NULL AND key IS NOT NULL;
CREATE INDEX tasks_held ON tasks (lease_until, id) WHERE lease_until IS NOT NULL;
CREATE UNIQUE INDEX tasks_live_name ON tasks (project, name) WHERE name IS NOT NULL AND ended_at IS NULL;
CREATE INDEX tasks_live_child ON tasks (schedule_id, id) WHERE schedule_id IS NOT NULL AND ended_at IS NULL;
CREATE INDEX tasks_ended ON tasks (status, ended_at, id) WHERE ended_at IS NOT NULL;
CREATE INDEX tasks_newest ON tasks (project, status, created_at, id);
CREATE INDEX tasks_by_name ON tasks (project, name, created_at, id) WHERE name IS NOT NULL;
CREATE INDEX tasks_by_schedule ON tasks (schedule_id, created_at, id) WHERE schedule_id IS NOT NULL;
CREATE INDEX tasks_quarantined ON tasks (id) WHERE quarantined IS NOT NULL;

-- What seldom changes of a task, and may be long: written once, not at every start and end.
CREATE TABLE bodies (
    task INTEGER PRIMARY KEY REFERENCES tasks (n) ON DELETE CASCADE,
    body TEXT NOT NULL,
    crc INTEGER NOT NULL
);

-- The recorded events, ordered by the version that each led to. Only ever added to: at the end of the table, so that
-- a batch of them fills few pages.
CREATE TABLE history (
    n INTEGER PRIMARY KEY,
    task INTEGER NOT NULL REFERENCES tasks (n) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    part INTEGER NOT NULL,
    event TEXT NOT NULL,
    crc INTEGER NOT NULL
);
CREATE UNIQUE INDEX history_of_task ON history (task, version, part);

CREATE TABLE schedules (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    project TEXT NOT NULL,
    name TEXT,
    created_at INTEGER NOT NULL,
    wake_at INTEGER,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    crc INTEGER NOT NULL,
    quarantined TEXT,
    CHECK (wake_at IS NULL OR quarantined IS NULL)
);
CREATE UNIQUE INDEX schedules_name ON schedules (project, name) WHERE name IS NOT NULL;
CREATE INDEX schedules_wake ON schedules (wake_at, id) WHERE wake_at IS NOT NULL;
CREATE INDEX schedules_newest ON schedules (project, created_at, id);
CREATE INDEX schedules_quarantined ON schedules (id) WHERE quarantined IS NOT NULL;

-- What became of each occurrence. They outlive their schedule: the primary key is the fence against firing twice.
CREATE TABLE slots (
    schedule_id TEXT NOT NULL,
    occurrence INTEGER NOT NULL,
    manual INTEGER NOT NULL CHECK (manual IN (0, 1)),
    buffered INTEGER NOT NULL CHECK (buffered IN (0, 1)),
    slot TEXT NOT NULL,
    crc INTEGER NOT NULL,
    PRIMARY KEY (schedule_id, occurrence, manual)
) WITHOUT ROWID;

-- What was done to each schedule. Only ever added to; outlives its schedule.
CREATE TABLE schedule_history (
    schedule_id TEXT NOT NULL,
    part INTEGER NOT NULL,
    event TEXT NOT NULL,
    crc INTEGER NOT NULL,
    PRIMARY KEY (schedule_id, part)
) WITHOUT ROWID;

-- The settings of the queues that were configured, with the log that their limits are judged by.
CREATE TABLE queues (
    project TEXT NOT NULL,
    name TEXT NOT NULL,
    gated INTEGER NOT NULL CHECK (gated IN (0, 1)),
    body TEXT NOT NULL,
    crc INTEGER NOT NULL,
    PRIMARY KEY (project, name)
) WITHOUT ROWID;

-- The idempotency keys of creations, and the task that each one made.
CREATE TABLE idempotency_keys (
    project TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    task_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (project, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (at);
