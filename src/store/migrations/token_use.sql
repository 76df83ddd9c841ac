-- What was last seen of each token at the front door: the first request that was taken, the latest, and the
-- latest that was refused.
CREATE TABLE token_use (
    token TEXT NOT NULL PRIMARY KEY REFERENCES token (id),
    first_at TEXT,
    first_from TEXT,
    first_what TEXT,
    first_status BIGINT,
    last_at TEXT,
    last_from TEXT,
    last_what TEXT,
    last_status BIGINT,
    refused_at TEXT,
    refused_from TEXT,
    refused_what TEXT,
    refused_status BIGINT,
    refused_why TEXT
);
