-- What admins sign in with: the private half never leaves their device.
CREATE TABLE admin_passkey (
    -- What the device calls it, in base64url.
    id TEXT NOT NULL PRIMARY KEY,
    practice TEXT NOT NULL,
    admin TEXT NOT NULL,
    name TEXT NOT NULL,
    -- COSE, in base64url.
    public_key TEXT NOT NULL,
    -- How often it signed; nothing for devices that do not count.
    counter BIGINT NOT NULL CHECK (counter >= 0),
    added TEXT NOT NULL,
    used TEXT,
    FOREIGN KEY (practice, admin) REFERENCES admin (practice, id)
);
CREATE INDEX admin_passkey_admin ON admin_passkey (practice, admin);

-- What was signed once is not taken again.
CREATE TABLE spent_challenge (
    practice TEXT NOT NULL,
    challenge TEXT NOT NULL,
    spent TEXT NOT NULL,
    PRIMARY KEY (practice, challenge)
);
