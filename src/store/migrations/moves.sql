-- Which system each name stood for at the last start: what moved is unproven.
CREATE TABLE system_seen (
    practice TEXT NOT NULL,
    system TEXT NOT NULL,
    identity TEXT NOT NULL,
    PRIMARY KEY (practice, system)
);
