//! What the ledger's file holds.

use distiq_store::Schema;

/// Spending is summed in steps of this length, which every time zone's days begin on.
pub(crate) const QUARTER_MS: i64 = 15 * 60 * 1000;

pub(crate) static LEDGER: Schema =
    Schema { name: "ledger", steps: &[STEP_1, STEP_2, STEP_3, STEP_4] };

// Times are UTC milliseconds, money is nano-dollars, lists are JSON. `cost` is NULL where the model
// has no known price, `reserved` and `estimate` too. `spent` holds running sums of `cost` so that
// a limit is checked without reading the rows: per quarter of an hour since 1970, session and run.
const STEP_1: &str = "
CREATE TABLE request(
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    at_ms INTEGER NOT NULL,
    session TEXT,
    project TEXT,
    run TEXT,
    key TEXT,
    kind TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    tier TEXT,
    route TEXT NOT NULL,
    reasons TEXT NOT NULL,
    scope TEXT NOT NULL,
    input INTEGER NOT NULL DEFAULT 0,
    cache_read INTEGER NOT NULL DEFAULT 0,
    cache_write INTEGER NOT NULL DEFAULT 0,
    cache_write_long INTEGER NOT NULL DEFAULT 0,
    output INTEGER NOT NULL DEFAULT 0,
    reasoning INTEGER NOT NULL DEFAULT 0,
    cost INTEGER,
    reserved INTEGER,
    estimate INTEGER,
    baseline_premium INTEGER,
    baseline_append_only INTEGER,
    saved_route INTEGER,
    saved_prompt_cache INTEGER,
    saved_response_cache INTEGER,
    saved_compression INTEGER,
    saved_zero_token INTEGER,
    saved_context INTEGER,
    latency_ms INTEGER,
    first_token_ms INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    stop TEXT,
    state TEXT NOT NULL CHECK (state IN ('open', 'final', 'estimated')),
    error TEXT,
    pid INTEGER NOT NULL,
    process TEXT NOT NULL
) STRICT;
CREATE INDEX request_at ON request(at_ms);
CREATE INDEX request_session ON request(session, at_ms) WHERE session IS NOT NULL;
CREATE INDEX request_project ON request(project, at_ms) WHERE project IS NOT NULL;
CREATE INDEX request_run ON request(run) WHERE run IS NOT NULL;
CREATE INDEX request_open ON request(state) WHERE state = 'open';
CREATE TABLE spent(
    scope TEXT NOT NULL,
    name ANY NOT NULL,
    nanos INTEGER NOT NULL,
    PRIMARY KEY (scope, name)
) STRICT, WITHOUT ROWID;
";

// `owner` is the gateway key's, `client` the dialect that the caller speaks, `node` the address that
// answered where a provider has several, `status` the HTTP status of the vendor's last answer. What is set aside is
// summed from the index of open rows alone, however many there are.
const STEP_2: &str = "
ALTER TABLE request ADD COLUMN owner TEXT;
ALTER TABLE request ADD COLUMN client TEXT;
ALTER TABLE request ADD COLUMN node TEXT;
ALTER TABLE request ADD COLUMN fallbacks INTEGER NOT NULL DEFAULT 0;
ALTER TABLE request ADD COLUMN status INTEGER;
CREATE INDEX request_key ON request(key, at_ms) WHERE key IS NOT NULL;
DROP INDEX request_open;
CREATE INDEX request_open ON request(state, at_ms, key, session, run, reserved)
    WHERE state = 'open';
";

// How far the journal of each process is on this ledger, and which process that is.
const STEP_3: &str = "
CREATE TABLE journal(
    name TEXT NOT NULL PRIMARY KEY,
    folded INTEGER NOT NULL,
    pid INTEGER NOT NULL,
    process TEXT NOT NULL
) STRICT, WITHOUT ROWID;
";

// How sure one was of an agent's answers, and who went on from them: names of reasons, never a word of them. It
// has the columns that rows are chosen by.
const STEP_4: &str = "
CREATE TABLE answer(
    seq INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    session TEXT,
    project TEXT,
    run TEXT,
    key TEXT,
    owner TEXT,
    kind TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    tier TEXT,
    confidence REAL NOT NULL,
    reasons TEXT NOT NULL,
    escalated_provider TEXT,
    escalated_model TEXT,
    escalated_tier TEXT
) STRICT;
CREATE INDEX answer_at ON answer(at_ms);
CREATE INDEX answer_session ON answer(session) WHERE session IS NOT NULL;
";
