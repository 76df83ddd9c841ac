-- What somebody is told, once: noted in the transaction that makes it so.
CREATE TABLE alert (
    practice TEXT NOT NULL REFERENCES practice (name),
    -- What receivers know a repeated one by.
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- What it is about; nothing is told twice that stands.
    about TEXT NOT NULL,
    departure_case TEXT,
    person TEXT,
    system TEXT,
    -- JSON: what is said, and for a step which one it is.
    facts TEXT NOT NULL,
    raised TEXT NOT NULL,
    -- When it was given to the channels of whom it is for.
    addressed TEXT,
    -- Since when it is so no longer: then it is told again if it comes back.
    over TEXT,
    PRIMARY KEY (practice, id)
);
CREATE UNIQUE INDEX alert_once ON alert (practice, about) WHERE over IS NULL;
CREATE INDEX alert_standing ON alert (practice, kind) WHERE over IS NULL;
CREATE INDEX alert_case ON alert (practice, departure_case);
CREATE INDEX alert_waiting ON alert (practice) WHERE addressed IS NULL;

-- An alert on its way through one channel.
CREATE TABLE alert_delivery (
    practice TEXT NOT NULL,
    alert TEXT NOT NULL,
    channel TEXT NOT NULL,
    contact TEXT NOT NULL,
    -- Why it goes this way: another one failed.
    because TEXT,
    tries BIGINT NOT NULL,
    -- When to try; none once it is sent, or given up.
    next_try TEXT,
    sent TEXT,
    failure TEXT,
    PRIMARY KEY (practice, alert, channel),
    FOREIGN KEY (practice, alert) REFERENCES alert (practice, id)
);
CREATE INDEX alert_delivery_due ON alert_delivery (next_try) WHERE next_try IS NOT NULL;

-- How each channel is doing.
CREATE TABLE alert_channel (
    practice TEXT NOT NULL,
    name TEXT NOT NULL,
    last_sent TEXT,
    failing_since TEXT,
    failure TEXT,
    PRIMARY KEY (practice, name),
    CHECK ((failing_since IS NULL) = (failure IS NULL))
);
