-- The board, the inbox and the numbers beside their names are asked for with every page. They walk through
-- what is not as it shall be, not through the whole practice.
CREATE INDEX door_unproved ON door (practice, wanted) WHERE assurance NOT IN ('verified', 'attested');
CREATE INDEX door_failing ON door (practice, system, failure) WHERE failure IS NOT NULL;
-- A board without leavers names the last one.
CREATE INDEX departure_case_over ON departure_case (practice, kind, closed) WHERE closed IS NOT NULL;
