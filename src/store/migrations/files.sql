-- What somebody signed with: a photo, a scan. The evidence names its SHA-256, so that it cannot be another.
CREATE TABLE signed_file (
    practice TEXT NOT NULL REFERENCES practice (name),
    sha256 TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    added TEXT NOT NULL,
    -- In base64.
    content TEXT NOT NULL,
    PRIMARY KEY (practice, sha256)
);
