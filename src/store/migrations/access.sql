-- The address somebody was invited by, in small letters: a provider that verified it may vouch for them.
ALTER TABLE admin ADD COLUMN email TEXT;

-- Whom a provider vouches for, by the name it never gives to anybody else.
CREATE TABLE admin_identity (
    practice TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    admin TEXT NOT NULL,
    since TEXT NOT NULL,
    PRIMARY KEY (practice, issuer, subject),
    FOREIGN KEY (practice, admin) REFERENCES admin (practice, id)
);
CREATE INDEX admin_identity_subject ON admin_identity (issuer, subject);

-- When whoever is signed in last proved who they are; nothing if nobody said.
ALTER TABLE admin_session ADD COLUMN proved TEXT;

-- A form that could not be taken before its sender proves who they are, or signs in again.
CREATE TABLE kept_form (
    practice TEXT NOT NULL,
    id TEXT NOT NULL,
    admin TEXT NOT NULL,
    path TEXT NOT NULL,
    fields TEXT NOT NULL,
    kept TEXT NOT NULL,
    PRIMARY KEY (practice, id),
    FOREIGN KEY (practice, admin) REFERENCES admin (practice, id)
);
CREATE INDEX kept_form_admin ON kept_form (practice, admin);
