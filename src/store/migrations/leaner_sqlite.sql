-- Fewer trees for each commit to write to.

-- What people bear is in `identifier`, and that is looked up; whether a User still has it, the User says.
INSERT INTO identifier (practice, person, kind, folded, value, last_borne)
    SELECT u.practice, u.person, 'email', e.email, e.email, u.modified
    FROM scim_user_email e JOIN scim_user u ON u.practice = e.practice AND u.id = e.user_id WHERE TRUE
    ON CONFLICT DO NOTHING;
DROP TABLE scim_user_email;
INSERT INTO identifier (practice, person, kind, folded, value, last_borne)
    SELECT practice, person, 'external_id', external_id, external_id, modified FROM scim_user
    WHERE external_id IS NOT NULL
    ON CONFLICT DO NOTHING;
DROP INDEX scim_user_external_id;

CREATE TABLE evidence_lean (
    practice TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    person TEXT,
    text TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (practice, sequence)
) WITHOUT ROWID;
INSERT INTO evidence_lean SELECT practice, sequence, person, text, hash FROM evidence;
DROP TABLE evidence;
ALTER TABLE evidence_lean RENAME TO evidence;
CREATE INDEX evidence_person ON evidence (practice, person, sequence);
CREATE TRIGGER evidence_is_never_changed BEFORE UPDATE ON evidence
BEGIN SELECT RAISE(ABORT, 'evidence is append-only'); END;
CREATE TRIGGER evidence_is_never_deleted BEFORE DELETE ON evidence
BEGIN SELECT RAISE(ABORT, 'evidence is append-only'); END;

-- Without statistics SQLite takes any other index that begins with the practice for as good, and walked
-- through all doors at each departure.
DROP INDEX door_forwarding;
CREATE INDEX door_forwarding ON door (practice, way, wanted, person) WHERE way = 'forwarding' AND wanted = 'open';

-- Whose an account is, whichever way it is a door.
CREATE INDEX door_account_account ON door_account (practice, system, account);
CREATE INDEX departure_case_learned ON departure_case (practice, learned);
