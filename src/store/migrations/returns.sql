-- Since when a departure holds. None for whoever was never seen active: they return from nowhere.
ALTER TABLE person ADD COLUMN held_since TEXT;
UPDATE person SET held_since = departed_at;

-- Returns that wait for somebody's word, and what it was.
CREATE TABLE held_return (
    practice TEXT NOT NULL,
    id TEXT NOT NULL,
    person TEXT NOT NULL,
    asked TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    decided TEXT,
    decision TEXT CHECK (decision IN ('approved', 'refused', 'voided')),
    PRIMARY KEY (practice, id),
    CHECK ((decided IS NULL) = (decision IS NULL))
);
CREATE UNIQUE INDEX held_return_open ON held_return (practice, person) WHERE decided IS NULL;
