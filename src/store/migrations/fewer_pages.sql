-- What each departure writes costs most, and it writes a page for each place of an index it touches.

-- The doors of one person fall due together, so their order comes before their systems. Which
-- system a door leads into never changes; it comes first, so that no question about a whole practice is
-- taken to be answered by it.
DROP INDEX door_system_due;
CREATE INDEX door_wanted_due ON door (practice, wanted, next_try, system);
CREATE INDEX door_system ON door (system, practice);
-- Only doors that shall be shut are asked for by what is not proved, and those of one departure lie together.
DROP INDEX door_unproved;
CREATE INDEX door_unproved ON door (practice, wanted, wanted_at) WHERE wanted = 'closed' AND assurance NOT IN ('verified', 'attested');
-- A case is its person's: its doors are among theirs, and what it closed is found by their cases.
DROP INDEX door_case;
DROP INDEX departure_closed_person;
