-- What the journal says, as tables. Format 1.
--
-- Times are microseconds since 1970 in UTC: datetime(at / 1000000, 'unixepoch'). Amounts are in the smallest unit of the
-- currency. `lsn` is the place of the record in the journal. A text that was not given is empty. `card` is a keyed hash.
-- `body` and `answer` are sealed, and gone when nobody needs them any more.

CREATE TABLE meta (
    name    TEXT PRIMARY KEY,
    value   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE boots (
    lsn         INTEGER PRIMARY KEY,
    epoch       INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    version     TEXT NOT NULL,
    key_check   TEXT NOT NULL
) STRICT;

CREATE TABLE transactions (
    tx              INTEGER PRIMARY KEY,
    lsn             INTEGER NOT NULL,
    at              INTEGER NOT NULL,
    finished_at     INTEGER,
    -- open, approved, declined (by the bank), failed (the switch said no), withdrawn (never sent)
    state           TEXT NOT NULL,
    link            TEXT NOT NULL,
    listener        TEXT NOT NULL,
    mti             TEXT NOT NULL,
    terminal        TEXT NOT NULL,
    merchant        TEXT NOT NULL,
    terminal_stan   INTEGER NOT NULL,
    link_stan       INTEGER NOT NULL,
    rrn             TEXT NOT NULL,
    amount          INTEGER,
    currency        TEXT NOT NULL,
    processing_code TEXT NOT NULL,
    masked_pan      TEXT NOT NULL,
    card            BLOB,
    duplicate_key   BLOB NOT NULL,
    cause           TEXT NOT NULL DEFAULT '',
    response_code   TEXT NOT NULL DEFAULT '',
    approval_code   TEXT NOT NULL DEFAULT '',
    body            BLOB,
    answer          BLOB
) STRICT;
CREATE INDEX transactions_at ON transactions (at);
CREATE INDEX transactions_terminal ON transactions (terminal, terminal_stan);
CREATE INDEX transactions_link ON transactions (link_stan, link);
CREATE INDEX transactions_rrn ON transactions (rrn) WHERE rrn <> '';
CREATE INDEX transactions_card ON transactions (card) WHERE card IS NOT NULL;
CREATE INDEX transactions_open ON transactions (tx) WHERE state = 'open';

CREATE TABLE obligations (
    tx              INTEGER NOT NULL,
    -- reversal, completion, advice
    kind            TEXT NOT NULL,
    lsn             INTEGER NOT NULL,
    at              INTEGER NOT NULL,
    settled_at      INTEGER,
    -- open, acknowledged, refused, expired, dead_letter, dropped
    state           TEXT NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0,
    attempted_at    INTEGER,
    link            TEXT NOT NULL,
    link_stan       INTEGER NOT NULL,
    cause           TEXT NOT NULL,
    mti             TEXT NOT NULL,
    terminal        TEXT NOT NULL,
    terminal_stan   INTEGER NOT NULL,
    rrn             TEXT NOT NULL,
    amount          INTEGER,
    currency        TEXT NOT NULL,
    masked_pan      TEXT NOT NULL,
    card            BLOB,
    response_code   TEXT NOT NULL DEFAULT '',
    -- why it is a dead letter, who dropped it or put it back
    detail          TEXT NOT NULL DEFAULT '',
    body            BLOB,
    PRIMARY KEY (tx, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX obligations_waiting ON obligations (state, link, lsn)
    WHERE state IN ('open', 'expired', 'dead_letter');
CREATE INDEX obligations_at ON obligations (at);

CREATE TABLE observations (
    lsn             INTEGER PRIMARY KEY,
    at              INTEGER NOT NULL,
    link            TEXT NOT NULL,
    -- late, unmatched, mismatched, undecodable, reversed_unseen
    what            TEXT NOT NULL,
    mti             TEXT NOT NULL,
    stan            INTEGER,
    response_code   TEXT NOT NULL,
    tx              INTEGER,
    detail          TEXT NOT NULL
) STRICT;
CREATE INDEX observations_at ON observations (at);
CREATE INDEX observations_tx ON observations (tx) WHERE tx IS NOT NULL;

CREATE TABLE audit (
    lsn     INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    who     TEXT NOT NULL,
    action  TEXT NOT NULL,
    tx      INTEGER,
    detail  TEXT NOT NULL
) STRICT;
CREATE INDEX audit_tx ON audit (tx) WHERE tx IS NOT NULL;

-- Records that this version of the program cannot read.
CREATE TABLE unreadable (
    lsn     INTEGER PRIMARY KEY,
    kind    INTEGER NOT NULL,
    reason  TEXT NOT NULL
) STRICT;

-- Of the store without a log: the records themselves, in their order.
CREATE TABLE records (
    lsn     INTEGER PRIMARY KEY,
    kind    INTEGER NOT NULL,
    payload BLOB NOT NULL
) STRICT;

-- For reading: times as text, and what became of the reversal.
CREATE VIEW overview AS
SELECT
    t.tx,
    strftime('%Y-%m-%d %H:%M:%f', t.at / 1e6, 'unixepoch') AS at,
    t.state,
    coalesce(o.state, '') AS reversal,
    t.terminal,
    t.terminal_stan AS stan,
    t.rrn,
    t.amount,
    t.currency,
    t.masked_pan,
    t.link,
    t.response_code,
    t.approval_code,
    t.cause
FROM transactions AS t
LEFT JOIN obligations AS o ON o.tx = t.tx AND o.kind = 'reversal';
