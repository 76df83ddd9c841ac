-- Whoever's userName is an e-mail address has both on one page, which each commit writes once.
DROP INDEX identifier_bearer;
CREATE INDEX identifier_bearer ON identifier (practice, folded, kind, person);
