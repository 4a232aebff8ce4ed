-- oldest: 1
-- Instants are whole microseconds since 1970-01-01 UTC. What a row means is in its JSON text (mainspring.adapters.codec);
-- the columns repeat what is searched by. "{schema}" stands for the name of the schema.
--
-- A task is spread over tables by how often its parts change: what was asked for (tasks), what changes while it is live
-- (live), how it ended (ended), and what happened (history). A row of tasks has one of live or one of ended.

-- The steps of this schema that were taken (mainspring.adapters.storages.migrations).
CREATE TABLE {schema}.migrations (
    number integer PRIMARY KEY,
    checksum text NOT NULL,
    oldest integer NOT NULL,
    at timestamptz NOT NULL
);

CREATE TABLE {schema}.tasks (
    id uuid PRIMARY KEY,
    project text COLLATE "C" NOT NULL,
    queue text COLLATE "C" NOT NULL,
    name text COLLATE "C",
    key text COLLATE "C",
    schedule_id uuid,
    created_at bigint NOT NULL,
    body text NOT NULL,
    edition integer NOT NULL DEFAULT 1, -- counts how often the body was written
    quarantined text -- why the task could not be read; nothing takes it up until that was mended
);
CREATE INDEX tasks_newest ON {schema}.tasks (project, created_at, id);
CREATE INDEX tasks_by_name ON {schema}.tasks (project, name, created_at, id) WHERE name IS NOT NULL;
CREATE INDEX tasks_by_schedule ON {schema}.tasks (schedule_id, created_at, id) WHERE schedule_id IS NOT NULL;
CREATE INDEX tasks_quarantined ON {schema}.tasks (id) WHERE quarantined IS NOT NULL;

CREATE TABLE {schema}.live (
    id uuid PRIMARY KEY,
    project text COLLATE "C" NOT NULL,
    queue text COLLATE "C" NOT NULL,
    name text COLLATE "C",
    key text COLLATE "C",
    schedule_id uuid,
    created_at bigint NOT NULL,
    rank integer NOT NULL, -- minus the priority: the order is ascending throughout
    status text NOT NULL CHECK (status IN ('pending', 'running', 'cancelling')),
    due bigint,
    lease_until bigint,
    version bigint NOT NULL,
    state text NOT NULL,
    edition integer NOT NULL DEFAULT 1, -- of the body that goes with this row: an older one is a stale read
    quarantined boolean NOT NULL DEFAULT false,
    CHECK ((due IS NOT NULL) = (status = 'pending' AND NOT quarantined)),
    CHECK ((lease_until IS NOT NULL) = (status <> 'pending' AND NOT quarantined))
) WITH (
    fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05,
    autovacuum_vacuum_cost_delay = 0
);
CREATE INDEX live_due ON {schema}.live (project, queue, rank, due, id) WHERE due IS NOT NULL;
CREATE INDEX live_keyed ON {schema}.live (project, queue, key, rank, due, id) WHERE due IS NOT NULL AND key IS NOT NULL;
CREATE INDEX live_newest ON {schema}.live (project, created_at, id) WHERE due IS NOT NULL;
CREATE INDEX live_held ON {schema}.live (lease_until, id) WHERE lease_until IS NOT NULL;
CREATE UNIQUE INDEX live_name ON {schema}.live (project, name) WHERE name IS NOT NULL;
CREATE INDEX live_child ON {schema}.live (schedule_id, id) WHERE schedule_id IS NOT NULL;

CREATE TABLE {schema}.ended (
    id uuid PRIMARY KEY,
    project text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    status text NOT NULL CHECK (status IN ('succeeded', 'failed', 'cancelled', 'expired')),
    ended_at bigint NOT NULL,
    version bigint NOT NULL,
    state text NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX ended_newest ON {schema}.ended (project, status, created_at, id);
CREATE INDEX ended_by_age ON {schema}.ended (status, ended_at, id);

-- The recorded events, ordered by the version that each led to. Only ever added to.
CREATE TABLE {schema}.history (
    task uuid NOT NULL,
    version bigint NOT NULL,
    part integer NOT NULL,
    event text NOT NULL,
    PRIMARY KEY (task, version, part)
);

CREATE TABLE {schema}.schedules (
    id uuid PRIMARY KEY,
    project text COLLATE "C" NOT NULL,
    name text COLLATE "C",
    created_at bigint NOT NULL,
    wake_at bigint,
    version bigint NOT NULL,
    body text NOT NULL,
    quarantined text,
    CHECK (wake_at IS NULL OR quarantined IS NULL)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
CREATE UNIQUE INDEX schedules_name ON {schema}.schedules (project, name) WHERE name IS NOT NULL;
CREATE INDEX schedules_wake ON {schema}.schedules (wake_at, id) WHERE wake_at IS NOT NULL;
CREATE INDEX schedules_newest ON {schema}.schedules (project, created_at, id);
CREATE INDEX schedules_quarantined ON {schema}.schedules (id) WHERE quarantined IS NOT NULL;

-- What became of each occurrence. They outlive their schedule: the primary key is the fence against firing twice.
CREATE TABLE {schema}.slots (
    schedule_id uuid NOT NULL,
    occurrence bigint NOT NULL,
    manual boolean NOT NULL,
    buffered boolean NOT NULL,
    slot text NOT NULL,
    PRIMARY KEY (schedule_id, occurrence, manual)
);

-- What was done to each schedule. Only ever added to; outlives its schedule.
CREATE TABLE {schema}.schedule_history (
    schedule_id uuid NOT NULL,
    part integer NOT NULL,
    event text NOT NULL,
    PRIMARY KEY (schedule_id, part)
);

-- The settings of the queues that were configured, with the log that their limits are judged by.
CREATE TABLE {schema}.queues (
    project text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    gated boolean NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (project, name)
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0.05);

-- The idempotency keys of creations, and the task that each one made.
CREATE TABLE {schema}.idempotency_keys (
    project text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    fingerprint text NOT NULL,
    task_id uuid NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (project, key)
);
CREATE INDEX idempotency_keys_by_age ON {schema}.idempotency_keys (at);

-- For people: every task in one row, with instants that can be read.
CREATE VIEW {schema}.overview AS
SELECT
    t.id, t.project, t.queue, t.name, t.key, t.schedule_id,
    coalesce(l.status, e.status) AS status,
    to_timestamp(t.created_at / 1000000.0) AS created_at,
    to_timestamp(l.due / 1000000.0) AS due,
    to_timestamp(l.lease_until / 1000000.0) AS lease_until,
    to_timestamp(e.ended_at / 1000000.0) AS ended_at,
    coalesce(l.version, e.version) AS version,
    coalesce(l.state, e.state) AS state,
    t.body,
    t.quarantined
FROM {schema}.tasks t
LEFT JOIN {schema}.live l USING (id)
LEFT JOIN {schema}.ended e USING (id);
