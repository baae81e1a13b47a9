-- The database's roles, once, by whoever may create roles, connected to the ledger's own database:
--
--   createdb ulak
--   psql -v ON_ERROR_STOP=1 -d ulak -f roles.sql
--
-- No password stands here: a role without one cannot log in by password. Give each its own (`\password ulak_worker` in psql, which
-- sends a SCRAM verifier and leaves no trace in logs), or let it in by certificate. Then `ulak migrate` as ulak_migrate, then
-- grants.sql, and grants.sql again after each later `ulak migrate`.
--
-- | role           | who                                                         | may
-- | ulak_migrate   | `ulak migrate`, grants.sql; owns every table                | everything in this database; nobody runs as it otherwise
-- | ulak_worker    | `ulak worker`                                               | grants.sql
-- | ulak_scheduler | `ulak scheduler`                                            | grants.sql
-- | ulak_gateway   | `ulak gateway`                                              | grants.sql
-- | ulak_operator  | people: lane, dead-letter, token, schedule cancel, --reveal | grants.sql
-- | ulak_auditor   | people: log, books, schedule                                | reading, without tokens

DO $$
DECLARE role TEXT;
BEGIN
    FOREACH role IN ARRAY ARRAY['ulak_migrate', 'ulak_worker', 'ulak_scheduler', 'ulak_gateway', 'ulak_operator', 'ulak_auditor'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            EXECUTE format('CREATE ROLE %I LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', role);
        END IF;
    END LOOP;
    -- nobody else connects here, and nobody but the owner makes tables; temporary ones prove after an outage that the disk has room
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO ulak_migrate, ulak_worker, ulak_scheduler, ulak_gateway, ulak_operator',
                   current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO ulak_auditor', current_database());
END $$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO ulak_migrate;
GRANT USAGE ON SCHEMA public TO ulak_worker, ulak_scheduler, ulak_gateway, ulak_operator, ulak_auditor;

-- An auditor's long question takes nothing from the sending, and writes nothing even by mistake.
ALTER ROLE ulak_auditor SET default_transaction_read_only = on;
