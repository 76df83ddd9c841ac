-- How many doors were not proved when a case was over: somebody said that they are none.
ALTER TABLE departure_case ADD COLUMN set_aside BIGINT NOT NULL DEFAULT 0;
UPDATE departure_case SET set_aside = (
    SELECT COUNT(*) FROM door d WHERE d.practice = departure_case.practice AND d.person = departure_case.person
        AND d.departure_case = departure_case.id
        AND d.set_aside IS NOT NULL AND d.assurance NOT IN ('verified', 'attested'))
    WHERE closed IS NOT NULL;
