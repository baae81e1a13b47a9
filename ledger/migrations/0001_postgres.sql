-- Nobody updates or deletes a record; roles are least right in deploy/, this holds for the owner too.
CREATE FUNCTION record_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'records are append-only'; END $$;
CREATE TRIGGER record_append_only BEFORE UPDATE OR DELETE ON record
    FOR EACH ROW EXECUTE FUNCTION record_is_append_only();
CREATE TRIGGER record_never_truncated BEFORE TRUNCATE ON record
    FOR EACH STATEMENT EXECUTE FUNCTION record_is_append_only();
