-- Each who asks has their own departure of somebody that waits: a refusal would tell that there is another's.
DROP INDEX scheduled_departure_waiting;
CREATE UNIQUE INDEX scheduled_departure_waiting ON scheduled_departure (practice, person, asked_by)
    WHERE decided IS NULL;
