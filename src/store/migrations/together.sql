-- Whoever's userName is an e-mail address has both on one page, which each commit writes once. First the new
-- one: on PostgreSQL everybody who reads would wait for it otherwise.
CREATE INDEX identifier_value ON identifier (practice, folded, kind, person);
DROP INDEX identifier_bearer;
