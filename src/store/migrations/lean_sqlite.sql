-- What each commit writes costs most: every table and every index it touches is a page in the log. A
-- table whose rows are short is its own primary key here, and nothing is kept that nobody reads.

-- The change is the record `change.*` in the evidence.
DROP TABLE accepted_change;

CREATE TABLE person_lean (
    practice TEXT NOT NULL REFERENCES practice (name),
    id TEXT NOT NULL,
    created TEXT NOT NULL,
    needs_role BIGINT NOT NULL CHECK (needs_role IN (0, 1)),
    roleless_since TEXT,
    replan_at TEXT,
    departed_at TEXT,
    PRIMARY KEY (practice, id)
) WITHOUT ROWID;
INSERT INTO person_lean
    SELECT practice, id, created, needs_role, roleless_since, replan_at, departed_at FROM person;
DROP TABLE person;
ALTER TABLE person_lean RENAME TO person;
CREATE INDEX person_replan ON person (replan_at) WHERE replan_at IS NOT NULL;

CREATE TABLE identifier_lean (
    practice TEXT NOT NULL,
    person TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('user_name', 'external_id', 'email', 'employee_number')),
    folded TEXT NOT NULL,
    value TEXT NOT NULL,
    last_borne TEXT NOT NULL,
    PRIMARY KEY (practice, person, kind, folded),
    FOREIGN KEY (practice, person) REFERENCES person (practice, id)
) WITHOUT ROWID;
INSERT INTO identifier_lean SELECT practice, person, kind, folded, value, last_borne FROM identifier;
DROP TABLE identifier;
ALTER TABLE identifier_lean RENAME TO identifier;
CREATE INDEX identifier_bearer ON identifier (practice, kind, folded, person);

-- Whoever takes an e-mail address away knows it.
CREATE TABLE scim_user_email_lean (
    practice TEXT NOT NULL,
    user_id TEXT NOT NULL,
    email TEXT NOT NULL,
    PRIMARY KEY (practice, email, user_id)
) WITHOUT ROWID;
INSERT INTO scim_user_email_lean SELECT practice, user_id, email FROM scim_user_email;
DROP TABLE scim_user_email;
ALTER TABLE scim_user_email_lean RENAME TO scim_user_email;
