-- How many people a practice has who may get in, kept with each change.
ALTER TABLE practice ADD COLUMN active_count BIGINT NOT NULL DEFAULT 0;
UPDATE practice SET active_count = (
    SELECT COUNT(*) FROM scim_user u WHERE u.practice = practice.name AND u.deleted IS NULL AND u.active = 1);

-- How many people lost a door into a system with ePHI in each of the last minutes.
CREATE TABLE leaving (
    practice TEXT NOT NULL,
    minute TEXT NOT NULL,
    people BIGINT NOT NULL,
    PRIMARY KEY (practice, minute)
);
