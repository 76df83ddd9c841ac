-- Fewer tables and indexes for each commit to write to.

-- What people bear is in `identifier`, and that is looked up; whether a User still has it, the User says.
INSERT INTO identifier (practice, person, kind, folded, value, last_borne)
    SELECT u.practice, u.person, 'email', e.email, e.email, u.modified
    FROM scim_user_email e JOIN scim_user u ON u.practice = e.practice AND u.id = e.user_id WHERE TRUE
    ON CONFLICT DO NOTHING;
-- The table stays for now: while bridges are exchanged one by one, those of before write to it.
INSERT INTO identifier (practice, person, kind, folded, value, last_borne)
    SELECT practice, person, 'external_id', external_id, external_id, modified FROM scim_user
    WHERE external_id IS NOT NULL
    ON CONFLICT DO NOTHING;
DROP INDEX scim_user_external_id;

-- Without statistics SQLite takes any other index that begins with the practice for as good, and walked
-- through all doors at each departure.
DROP INDEX door_forwarding;
CREATE INDEX door_forwarding ON door (practice, way, wanted, person) WHERE way = 'forwarding' AND wanted = 'open';

-- Whose an account is, whichever way it is a door.
CREATE INDEX door_account_account ON door_account (practice, system, account);
CREATE INDEX departure_case_learned ON departure_case (practice, learned);
