-- Everything that failed is walked through in the order in which it is shown: what shall be shut first, then by
-- deadline, and what has none last: letters come after digits in every language. One text, because SQLite finds a
-- place by one expression only. What is wanted comes first, so that no other question is taken to be answered by it.
CREATE INDEX door_failing_order ON door (wanted, practice, (COALESCE(deadline, 'never') || id)) WHERE failure IS NOT NULL;
