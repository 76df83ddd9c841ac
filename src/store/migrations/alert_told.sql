-- What the ledger last said of a failure of this way: of one that comes and goes it tells once an hour.
ALTER TABLE alert_delivery ADD COLUMN failure_told TEXT;
