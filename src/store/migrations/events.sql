-- Security event tokens that their subscriber has not acknowledged.
CREATE TABLE security_event (
    practice TEXT NOT NULL,
    subscriber TEXT NOT NULL,
    -- The token's `jti`; later ones sort after earlier ones.
    id TEXT NOT NULL,
    person TEXT NOT NULL,
    claims TEXT NOT NULL,
    created TEXT NOT NULL,
    tries BIGINT NOT NULL,
    -- When to bring it, or to try again; none where the subscriber fetches it.
    next_try TEXT,
    failure TEXT,
    PRIMARY KEY (practice, subscriber, id)
);
CREATE INDEX security_event_due ON security_event (next_try) WHERE next_try IS NOT NULL;
