-- The address that a provider has of somebody it vouches for, if it counts: it may change while they stay the same.
ALTER TABLE admin_identity ADD COLUMN email TEXT;
