-- A failed call that somebody looks at again later, for as long as its door has this wish.
CREATE TABLE door_snooze (
    practice TEXT NOT NULL,
    door TEXT NOT NULL,
    generation BIGINT NOT NULL,
    admin TEXT NOT NULL,
    until TEXT NOT NULL,
    PRIMARY KEY (practice, door),
    FOREIGN KEY (practice, door) REFERENCES door (practice, id),
    FOREIGN KEY (practice, admin) REFERENCES admin (practice, id)
);
