-- Without statistics SQLite takes an index that has all columns, or their order, for the better one,
-- and walked through the whole practice where these have both.
CREATE INDEX identifier_bearer ON identifier (practice, kind, folded, person);
DROP INDEX identifier_value;

DROP INDEX scim_user_external_id;
CREATE INDEX scim_user_external_id ON scim_user (practice, external_id, id);
DROP INDEX scim_user_display;
CREATE INDEX scim_user_display ON scim_user (practice, display_name, id);
DROP INDEX scim_group_external;
CREATE INDEX scim_group_external ON scim_group (practice, external_id, id);
