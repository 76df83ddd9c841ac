-- TEXT and BIGINT only, the practice first in every key. Times are RFC 3339 UTC of fixed width, so
-- that text sorts as time does; booleans are 0 or 1; lists are JSON.

CREATE TABLE install (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE practice (
    name TEXT NOT NULL PRIMARY KEY,
    -- The role matrix in force. An edit of the file changes nothing until `plan apply`.
    applied_roles TEXT,
    -- Head of the ledger's chain; whoever writes to the practice locks this row first.
    ledger_sequence BIGINT NOT NULL,
    ledger_hash TEXT NOT NULL
);

CREATE TABLE person (
    practice TEXT NOT NULL REFERENCES practice (name),
    id TEXT NOT NULL,
    created TEXT NOT NULL,
    needs_role BIGINT NOT NULL CHECK (needs_role IN (0, 1)),
    -- Since when no role fits although one did; closes wait for the grace period.
    roleless_since TEXT,
    -- When the wishes must be computed again although nobody changes anything.
    replan_at TEXT,
    departed_at TEXT,
    PRIMARY KEY (practice, id)
);
CREATE INDEX person_replan ON person (replan_at);

-- Every identifier a person ever bore, folded for comparing and as it was sent.
CREATE TABLE identifier (
    practice TEXT NOT NULL,
    person TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('user_name', 'external_id', 'email', 'employee_number')),
    folded TEXT NOT NULL,
    value TEXT NOT NULL,
    last_borne TEXT NOT NULL,
    PRIMARY KEY (practice, person, kind, folded),
    FOREIGN KEY (practice, person) REFERENCES person (practice, id)
);
CREATE INDEX identifier_value ON identifier (practice, kind, folded);

CREATE TABLE scim_user (
    practice TEXT NOT NULL,
    id TEXT NOT NULL,
    person TEXT NOT NULL,
    source TEXT NOT NULL,
    user_name TEXT NOT NULL,
    external_id TEXT,
    display_name TEXT,
    active BIGINT NOT NULL CHECK (active IN (0, 1)),
    attributes TEXT NOT NULL,
    version BIGINT NOT NULL,
    created TEXT NOT NULL,
    modified TEXT NOT NULL,
    deleted TEXT,
    PRIMARY KEY (practice, id),
    FOREIGN KEY (practice, person) REFERENCES person (practice, id)
);
CREATE UNIQUE INDEX scim_user_name ON scim_user (practice, user_name) WHERE deleted IS NULL;
CREATE UNIQUE INDEX scim_user_external ON scim_user (practice, source, external_id)
    WHERE deleted IS NULL AND external_id IS NOT NULL;
CREATE INDEX scim_user_person ON scim_user (practice, person);
CREATE INDEX scim_user_display ON scim_user (practice, display_name);
CREATE INDEX scim_user_modified ON scim_user (practice, modified);

CREATE TABLE scim_user_email (
    practice TEXT NOT NULL,
    user_id TEXT NOT NULL,
    email TEXT NOT NULL,
    PRIMARY KEY (practice, email, user_id)
);
CREATE INDEX scim_user_email_user ON scim_user_email (practice, user_id);

CREATE TABLE scim_group (
    practice TEXT NOT NULL,
    id TEXT NOT NULL,
    display_name TEXT NOT NULL,
    external_id TEXT,
    attributes TEXT NOT NULL,
    version BIGINT NOT NULL,
    created TEXT NOT NULL,
    modified TEXT NOT NULL,
    deleted TEXT,
    PRIMARY KEY (practice, id)
);
CREATE UNIQUE INDEX scim_group_display ON scim_group (practice, display_name) WHERE deleted IS NULL;
CREATE INDEX scim_group_external ON scim_group (practice, external_id);

CREATE TABLE scim_group_member (
    practice TEXT NOT NULL,
    group_id TEXT NOT NULL,
    value TEXT NOT NULL,
    position BIGINT NOT NULL,
    display TEXT,
    PRIMARY KEY (practice, group_id, value)
);
CREATE INDEX scim_group_member_value ON scim_group_member (practice, value);

CREATE TABLE accepted_change (
    practice TEXT NOT NULL,
    id TEXT NOT NULL,
    person TEXT NOT NULL,
    kind TEXT NOT NULL,
    who TEXT NOT NULL,
    request_id TEXT NOT NULL,
    accepted TEXT NOT NULL,
    PRIMARY KEY (practice, id)
);
CREATE INDEX accepted_change_person ON accepted_change (practice, person, id);

CREATE TABLE departure_case (
    practice TEXT NOT NULL,
    id TEXT NOT NULL,
    person TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('joiner', 'mover', 'leaver')),
    -- T0: end of the arrangement, as HR or the admin says; unknown when only the source spoke.
    ended TEXT,
    -- T1: when the bridge learned of it.
    learned TEXT NOT NULL,
    deadline TEXT NOT NULL,
    closed TEXT,
    PRIMARY KEY (practice, id)
);
CREATE INDEX departure_case_person ON departure_case (practice, person);

CREATE TABLE door (
    practice TEXT NOT NULL,
    id TEXT NOT NULL,
    person TEXT NOT NULL,
    system TEXT NOT NULL,
    way TEXT NOT NULL,
    wanted TEXT NOT NULL CHECK (wanted IN ('open', 'closed')),
    opening TEXT,
    generation BIGINT NOT NULL,
    reason TEXT NOT NULL,
    wanted_at TEXT NOT NULL,
    deadline TEXT,
    departure_case TEXT,
    seen TEXT NOT NULL CHECK (seen IN ('open', 'closed', 'absent', 'unknown')),
    seen_at TEXT,
    assurance TEXT NOT NULL
        CHECK (assurance IN ('verified', 'attested', 'acknowledged', 'unproven', 'unknown')),
    shut_at TEXT,
    sessions_ended BIGINT NOT NULL CHECK (sessions_ended IN (0, 1)),
    residual TEXT NOT NULL,
    fence BIGINT NOT NULL,
    lease_owner TEXT,
    lease_until TEXT,
    round BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    due TEXT NOT NULL CHECK (due IN ('act', 'read')),
    next_try TEXT,
    sweep BIGINT NOT NULL,
    failure TEXT,
    failure_text TEXT,
    PRIMARY KEY (practice, id),
    UNIQUE (practice, person, system, way),
    FOREIGN KEY (practice, person) REFERENCES person (practice, id),
    CHECK ((wanted = 'open') = (opening IS NOT NULL)),
    CHECK ((failure IS NULL) = (failure_text IS NULL)),
    CHECK ((lease_owner IS NULL) = (lease_until IS NULL))
);
CREATE INDEX door_due ON door (next_try);
CREATE INDEX door_system_due ON door (practice, system, next_try);

-- Accounts a door owns: every id the system ever returned for this person. One owner per account.
CREATE TABLE door_account (
    practice TEXT NOT NULL,
    system TEXT NOT NULL,
    way TEXT NOT NULL,
    account TEXT NOT NULL,
    door TEXT NOT NULL,
    first_seen TEXT NOT NULL,
    PRIMARY KEY (practice, system, way, account)
);
CREATE INDEX door_account_door ON door_account (practice, door);

CREATE TABLE attempt (
    practice TEXT NOT NULL,
    id TEXT NOT NULL,
    door TEXT NOT NULL,
    person TEXT NOT NULL,
    system TEXT NOT NULL,
    generation BIGINT NOT NULL,
    action TEXT NOT NULL CHECK (action IN ('open', 'close')),
    round BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    started TEXT NOT NULL,
    answer_by TEXT NOT NULL,
    may_land_until TEXT NOT NULL,
    finished TEXT,
    -- Only the system's own final answer, or never having been sent, resolves an attempt.
    resolved BIGINT NOT NULL CHECK (resolved IN (0, 1)),
    result TEXT,
    failure TEXT,
    failure_text TEXT,
    blocked TEXT,
    sessions_ended TEXT,
    receipts TEXT NOT NULL,
    PRIMARY KEY (practice, id),
    FOREIGN KEY (practice, door) REFERENCES door (practice, id)
);
CREATE INDEX attempt_door ON attempt (practice, door, id);
CREATE INDEX attempt_open ON attempt (practice, door, resolved);

CREATE TABLE evidence (
    practice TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    person TEXT,
    text TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (practice, sequence)
);
CREATE INDEX evidence_person ON evidence (practice, person, sequence);

CREATE TABLE token (
    id TEXT NOT NULL PRIMARY KEY,
    hash TEXT NOT NULL,
    practice TEXT NOT NULL,
    source TEXT NOT NULL,
    created TEXT NOT NULL,
    expires TEXT NOT NULL,
    revoked BIGINT NOT NULL CHECK (revoked IN (0, 1))
);
