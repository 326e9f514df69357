-- The unified model: one schema in the words of BIAN's service domains, whatever the silos call things.
CREATE ROLE bian_owner NOLOGIN;
CREATE SCHEMA bian AUTHORIZATION bian_owner;
SET ROLE bian_owner;

CREATE TABLE bian.party_reference_data_directory (
    silo text,
    party_reference text,
    party_name text,
    birth_date date,
    tax_identifier_key text,     -- keyed hash: the same person has the same one in every silo
    PRIMARY KEY (silo, party_reference)
);
CREATE INDEX ON bian.party_reference_data_directory (tax_identifier_key);

CREATE TABLE bian.issued_device (
    device_key text PRIMARY KEY, -- keyed hash of the card's number
    device_number text,          -- first six and last four digits
    party_reference text,
    device_type text,
    credit_limit numeric(15,2),
    device_status text
);

CREATE TABLE bian.card_transaction (
    card_transaction_reference bigint PRIMARY KEY,
    device_key text,
    amount numeric(15,2),
    currency char(3),
    merchant text,
    authorised_at timestamptz,
    transaction_status text
);

CREATE TABLE bian.current_account (
    account_reference text PRIMARY KEY,
    party_reference text,
    balance numeric(15,2),
    currency char(3),
    is_blocked boolean,
    as_of timestamptz            -- when the core wrote it
);

CREATE TABLE bian.payment_order (
    payment_order_reference uuid PRIMARY KEY,
    debtor_account text,
    creditor_account text,
    amount numeric(15,2),
    currency char(3),
    payment_order_status text
);

CREATE TABLE bian.payment_order_history (
    topic text,
    partition integer,
    record_offset bigint,
    operation text,
    happened_at timestamptz,
    payment_order_reference uuid,
    payment_order_status text,
    PRIMARY KEY (topic, partition, record_offset)
);

-- A person across silos, found without anybody seeing a tax number.
CREATE VIEW bian.party AS
SELECT tax_identifier_key, min(party_name) AS party_name, array_agg(silo || ':' || party_reference ORDER BY silo) AS known_as
FROM bian.party_reference_data_directory
GROUP BY tax_identifier_key;

RESET ROLE;
