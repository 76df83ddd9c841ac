-- Lists in the order of these columns are ordered byte by byte.
CREATE INDEX scim_user_name_order ON scim_user (practice, user_name COLLATE "C", id);
CREATE INDEX scim_user_display_order ON scim_user (practice, display_name COLLATE "C", id);
