-- Who works in the console.
CREATE TABLE admin (
    practice TEXT NOT NULL REFERENCES practice (name),
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    folded TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'operator', 'integrator', 'auditor', 'board')),
    created TEXT NOT NULL,
    -- Since when they may not come in any more.
    removed TEXT,
    PRIMARY KEY (practice, id)
);
CREATE UNIQUE INDEX admin_name ON admin (practice, folded) WHERE removed IS NULL;

-- Links that let somebody sign in once. Only the SHA-256 of each is kept.
CREATE TABLE admin_invitation (
    id TEXT NOT NULL PRIMARY KEY,
    hash TEXT NOT NULL,
    practice TEXT NOT NULL,
    admin TEXT NOT NULL,
    expires TEXT NOT NULL,
    used TEXT,
    FOREIGN KEY (practice, admin) REFERENCES admin (practice, id)
);

-- Who is signed in. Only the SHA-256 of what the browser holds is kept.
CREATE TABLE admin_session (
    id TEXT NOT NULL PRIMARY KEY,
    hash TEXT NOT NULL,
    practice TEXT NOT NULL,
    admin TEXT NOT NULL,
    began TEXT NOT NULL,
    last_active TEXT NOT NULL,
    ended TEXT,
    FOREIGN KEY (practice, admin) REFERENCES admin (practice, id)
);
CREATE INDEX admin_session_admin ON admin_session (practice, admin);

-- The board asks for the cases that are open, and a case for its doors.
CREATE INDEX departure_case_open ON departure_case (practice, kind) WHERE closed IS NULL;
CREATE INDEX door_case ON door (practice, departure_case);
