-- When a failure of this way was last written into the ledger: the same one fills no ledger.
ALTER TABLE alert_delivery ADD COLUMN failure_recorded TEXT;
