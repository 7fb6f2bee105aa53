SET client_min_messages = warning; -- no word about a table that is there already

CREATE TABLE IF NOT EXISTS visit (
    id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at  timestamptz NOT NULL DEFAULT now()
);
