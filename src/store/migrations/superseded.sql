-- The newer case that took doors over from this one before they were as they should be.
ALTER TABLE departure_case ADD COLUMN superseded_by TEXT;
