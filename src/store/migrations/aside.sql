-- A door that a named person set aside: the risk is accepted until then, or the door does not apply.
ALTER TABLE door ADD COLUMN set_aside TEXT;
ALTER TABLE door ADD COLUMN set_aside_until TEXT;
CREATE INDEX door_set_aside ON door (practice) WHERE set_aside IS NOT NULL;

-- Who sees to a door, for as long as it has this wish.
CREATE TABLE door_assignment (
    practice TEXT NOT NULL,
    door TEXT NOT NULL,
    generation BIGINT NOT NULL,
    admin TEXT NOT NULL,
    assigned TEXT NOT NULL,
    PRIMARY KEY (practice, door),
    FOREIGN KEY (practice, door) REFERENCES door (practice, id),
    FOREIGN KEY (practice, admin) REFERENCES admin (practice, id)
);
