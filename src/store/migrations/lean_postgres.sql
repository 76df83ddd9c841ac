-- What each commit writes costs most. Nothing is kept that nobody reads.

-- The change is the record `change.*` in the evidence.
DROP TABLE accepted_change;

DROP INDEX person_replan;
CREATE INDEX person_replan ON person (replan_at) WHERE replan_at IS NOT NULL;

-- Whoever takes an e-mail address away knows it.
DROP INDEX scim_user_email_user;
