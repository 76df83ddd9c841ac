-- What a departure closed that was open: all that an undo may open again.
CREATE TABLE departure_closed (
    practice TEXT NOT NULL,
    departure_case TEXT NOT NULL,
    person TEXT NOT NULL,
    -- JSON: each door with how it was open.
    doors TEXT NOT NULL,
    undone TEXT,
    PRIMARY KEY (practice, departure_case)
);
CREATE INDEX departure_closed_person ON departure_closed (practice, person, departure_case);
