-- When the certificate of a system ends, as it was shown last.
CREATE TABLE system_certificate (
    practice TEXT NOT NULL REFERENCES practice (name),
    system TEXT NOT NULL,
    ends TEXT NOT NULL,
    PRIMARY KEY (practice, system)
);
