-- How many Users and Groups a practice has, kept with each change, so that a page of a long list does
-- not count it; and how many were ever removed, which tells whether a place in the list has moved.
ALTER TABLE practice ADD COLUMN user_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE practice ADD COLUMN user_removals BIGINT NOT NULL DEFAULT 0;
ALTER TABLE practice ADD COLUMN group_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE practice ADD COLUMN group_removals BIGINT NOT NULL DEFAULT 0;
UPDATE practice SET
    user_count = (SELECT COUNT(*) FROM scim_user u WHERE u.practice = practice.name AND u.deleted IS NULL),
    group_count = (SELECT COUNT(*) FROM scim_group g WHERE g.practice = practice.name AND g.deleted IS NULL);

-- Who forwards to somebody who leaves is asked with each departure.
CREATE INDEX door_forwarding ON door (practice) WHERE way = 'forwarding' AND wanted = 'open';

-- Sources look for their own id alone; the unique index begins with the source.
CREATE INDEX scim_user_external_id ON scim_user (practice, external_id);
