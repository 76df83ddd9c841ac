-- Departures that wait for their time. Nothing else says anything of them before it.
CREATE TABLE scheduled_departure (
    practice TEXT NOT NULL,
    id TEXT NOT NULL,
    person TEXT NOT NULL,
    at TEXT NOT NULL,
    asked TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    note TEXT NOT NULL,
    -- What the seal in the ledger was made with, so that it can be checked afterwards.
    salt TEXT NOT NULL,
    decided TEXT,
    decided_by TEXT,
    decision TEXT CHECK (decision IN ('started', 'cancelled')),
    PRIMARY KEY (practice, id),
    FOREIGN KEY (practice, person) REFERENCES person (practice, id),
    CHECK ((decided IS NULL) = (decision IS NULL))
);
CREATE UNIQUE INDEX scheduled_departure_waiting ON scheduled_departure (practice, person) WHERE decided IS NULL;
CREATE INDEX scheduled_departure_due ON scheduled_departure (at) WHERE decided IS NULL;
