-- Doors that the bridge could not prove shut in time: a person may shut them too, beside its tries.
CREATE TABLE manual_card (
    practice TEXT NOT NULL,
    door TEXT NOT NULL,
    -- The door's wish it is for; a newer one has its own.
    generation BIGINT NOT NULL,
    opened TEXT NOT NULL,
    closed TEXT,
    -- Who was first, and what becomes of the other.
    closed_by TEXT,
    note TEXT,
    PRIMARY KEY (practice, door, generation),
    FOREIGN KEY (practice, door) REFERENCES door (practice, id),
    CHECK ((closed IS NULL) = (note IS NULL))
);
CREATE INDEX manual_card_open ON manual_card (practice) WHERE closed IS NULL;
