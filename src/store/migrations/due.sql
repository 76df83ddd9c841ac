-- The due doors of a system are found in order, closes and opens apart.
DROP INDEX door_system_due;
CREATE INDEX door_system_due ON door (practice, system, wanted, next_try);
