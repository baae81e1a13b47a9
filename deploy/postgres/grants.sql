-- Who may do what with each table of the ledger. After every `ulak migrate`, as ulak_migrate (the tables' owner):
--
--   psql -v ON_ERROR_STOP=1 -d ulak -U ulak_migrate -f grants.sql
--
-- It takes all rights away first, so what is not written here is nobody's; repeat it as often as you like. It was made from the
-- statements that each process runs (pg_stat_statements over the demo's events, facts, faults and a person's acts; the sources for
-- what is rare), and deploy/try-alert runs a whole installation under it.
--
-- What the rights are for:
-- * record is append-only for everybody, by right and by trigger (the trigger holds for the owner too). Its xid and id, by which
--   records are ordered, are given by the database: nobody may write them.
-- * Of a notification nobody may change what it is: type, person, identity, digest, time of birth. Of an attempt nobody may change
--   to whom, by which lane, when and how large it was; only what became of it.
-- * Only the worker begins attempts and holds the tokens of İYS. Only the scheduler writes the books and holds leases.
-- * Only the operator makes tokens; the gateway reads their keyed hashes, and opens and ends the sessions of its pages.
--
-- With broker.url = "none" a worker also releases, reconciles and keeps the books: then `GRANT ulak_scheduler TO ulak_worker;
-- ALTER ROLE ulak_worker INHERIT;`. `ulak up` on PostgreSQL needs a role of its own that inherits all of worker, scheduler, gateway.

BEGIN;

-- verbs: S select, I insert, U update, D delete. Columns after a verb in brackets restrict it to them (those that exist yet).
CREATE TEMPORARY TABLE rights (relation TEXT, role TEXT, verbs TEXT) ON COMMIT DROP;
INSERT INTO rights VALUES
    -- facts about the installation: the schema's version, the wrapped lookup key. The operator's INSERT is `ulak doctor`, which rolls it back
    ('meta',           'worker',    'S'),
    ('meta',           'scheduler', 'S'),
    ('meta',           'gateway',   'S'),
    ('meta',           'operator',  'S I'),
    ('meta',           'auditor',   'S'),

    ('record',         'worker',    'S I(clinic,ntf,kind,at,bytes)'),
    ('record',         'scheduler', 'S I(clinic,ntf,kind,at,bytes)'),
    ('record',         'gateway',   'S I(clinic,ntf,kind,at,bytes)'),
    ('record',         'operator',  'S I(clinic,ntf,kind,at,bytes)'),
    ('record',         'auditor',   'S'),

    -- a worker and the door insert a row to learn whether it is new, and take back one that lost in the same transaction
    ('notification',   'worker',    'S I U(state,why,fence,attempt,changed_at) D'),
    ('notification',   'scheduler', 'S I U(state,why,fence,attempt,changed_at) D'),
    ('notification',   'gateway',   'S I U(state,why,fence,attempt,changed_at) D'),
    ('notification',   'operator',  'S I U(state,why,fence,attempt,changed_at) D'),
    ('notification',   'auditor',   'S'),

    ('open',           'worker',    'S I U D'),
    ('open',           'scheduler', 'S I U D'),
    ('open',           'gateway',   'S I U D'),
    ('open',           'operator',  'S I U D'),
    ('open',           'auditor',   'S'),

    ('attempt',        'worker',    'S I U(state,ended_at,code,provider_ref,reach,delivery,looks,absences,looked_at,look_fence)'),
    ('attempt',        'scheduler', 'S U(state,ended_at,code,provider_ref,reach,delivery,looks,absences,looked_at,look_fence)'),
    ('attempt',        'gateway',   'S U(state,ended_at,code,provider_ref,reach,delivery)'),
    ('attempt',        'operator',  'S'),
    ('attempt',        'auditor',   'S'),

    -- a person's key is made once; what moves is its revision
    ('person',         'worker',    'S I U(rev)'),
    ('person',         'scheduler', 'S I U(rev)'),
    ('person',         'gateway',   'S I U(rev)'),
    ('person',         'operator',  'S I U(rev)'),
    ('person',         'auditor',   'S'),

    ('appointment',    'worker',    'S I U'),
    ('appointment',    'scheduler', 'S I U'),
    ('appointment',    'gateway',   'S I U'),
    ('appointment',    'operator',  'S I U'),
    ('appointment',    'auditor',   'S'),

    -- who must not be contacted: written by facts only, which the scheduler, the door and `ulak import` apply
    ('suppression',    'worker',    'S'),
    ('suppression',    'scheduler', 'S I U D'),
    ('suppression',    'gateway',   'S I U D'),
    ('suppression',    'operator',  'S I U D'),
    ('suppression',    'auditor',   'S'),
    ('consent_word',   'worker',    'S'),
    ('consent_word',   'scheduler', 'S I U'),
    ('consent_word',   'gateway',   'S I U'),
    ('consent_word',   'operator',  'S I U'),
    ('consent_word',   'auditor',   'S'),

    -- the same thing, the gap and the number: taken by an attempt, and again when an attempt that was given up turns out to have been
    -- accepted (reconciliation, receipts); whoever ends a notification leaves them
    ('slot',           'worker',    'S I U D'),
    ('slot',           'scheduler', 'S I U D'),
    ('slot',           'gateway',   'S I U D'),
    ('slot',           'operator',  'S U(until) D'),
    ('slot',           'auditor',   'S'),

    ('lane',           'worker',    'S I U'),
    ('lane',           'scheduler', 'S I U'),
    -- who logs in to the gateway's pages may pause and resume
    ('lane',           'gateway',   'S I U'),
    ('lane',           'operator',  'S I U'),
    ('lane',           'auditor',   'S'),
    ('cap',            'worker',    'S I U D'),
    ('cap',            'scheduler', 'S'),
    ('cap',            'gateway',   'S'),
    ('cap',            'operator',  'S'),
    ('cap',            'auditor',   'S'),
    -- budgets; `ulak doctor` takes its questions from the same ones
    ('permit',         'worker',    'S I U'),
    ('permit',         'scheduler', 'S I U'),
    ('permit',         'operator',  'S I U'),
    ('token',          'worker',    'S I U'),
    ('token',          'operator',  'S I U'),

    ('lease',          'worker',    'S'),
    ('lease',          'scheduler', 'S I U'),
    ('lease',          'auditor',   'S'),
    ('lease',          'operator',  'S'),
    ('reader',         'scheduler', 'S I U'),
    ('reader',         'gateway',   'S'),
    ('reader',         'operator',  'S'),
    ('reader',         'auditor',   'S'),

    ('api_token',      'gateway',   'S'),
    ('api_token',      'operator',  'S I U(revoked_at)'),
    -- the pages (from schema 8 on); whoever revokes a token ends its sessions
    ('session',        'gateway',   'S I U(seen_at) D'),
    ('session',        'operator',  'S(id,token) D'),
    ('login_try',      'gateway',   'S I U D'),

    ('fact',           'worker',    'S'),
    ('fact',           'scheduler', 'S I'),
    ('fact',           'gateway',   'S I'),
    ('fact',           'operator',  'S I'),
    ('fact',           'auditor',   'S'),
    ('fact_watch',     'worker',    'S'),
    ('fact_watch',     'scheduler', 'S I U'),
    ('fact_watch',     'operator',  'S'),
    ('fact_watch',     'auditor',   'S'),

    ('books',          'scheduler', 'S I U'),
    ('books',          'gateway',   'S'),
    ('books',          'operator',  'S'),
    ('books',          'auditor',   'S'),
    ('parked',         'scheduler', 'S I D'),
    ('hour_told',      'scheduler', 'S I U'),
    ('hour_told',      'gateway',   'S'),
    ('hour_told',      'operator',  'S'),
    ('hour_told',      'auditor',   'S'),
    ('hour_kept',      'scheduler', 'S I U'),
    ('hour_kept',      'gateway',   'S'),
    ('hour_kept',      'operator',  'S'),
    ('hour_kept',      'auditor',   'S'),
    ('end_kind',       'scheduler', 'S I'),
    ('end_kind',       'gateway',   'S'),
    ('end_kind',       'operator',  'S'),
    ('end_kind',       'auditor',   'S'),
    ('end_span',       'scheduler', 'S I U'),
    ('end_span',       'gateway',   'S'),
    ('end_span',       'operator',  'S'),
    ('end_span',       'auditor',   'S'),

    -- receipts (from schema 7 on)
    ('receipt_wanted', 'scheduler', 'S I U D'),
    ('receipt_wanted', 'gateway',   'S U D'),
    ('receipt_wanted', 'operator',  'S'),
    ('receipt_wanted', 'auditor',   'S'),
    ('unreachable',    'worker',    'S I U'),
    ('unreachable',    'scheduler', 'S I U D'),
    ('unreachable',    'gateway',   'S I U D'),
    ('unreachable',    'operator',  'S'),
    ('unreachable',    'auditor',   'S');

DO $$
DECLARE
    roles CONSTANT TEXT := 'ulak_worker, ulak_scheduler, ulak_gateway, ulak_operator, ulak_auditor';
    r RECORD;
    verb TEXT;
    word TEXT;
    columns TEXT;
BEGIN
    EXECUTE 'REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, ' || roles;
    EXECUTE 'REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM PUBLIC, ' || roles;
    EXECUTE 'REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC, ' || roles;
    -- REVOKE on a table takes its columns' rights too
    FOR r IN SELECT relation, 'ulak_' || role AS role, regexp_split_to_table(verbs, ' +') AS verb FROM rights
             WHERE to_regclass('public.' || relation) IS NOT NULL LOOP
        verb := left(r.verb, 1);
        word := CASE verb WHEN 'S' THEN 'SELECT' WHEN 'I' THEN 'INSERT' WHEN 'U' THEN 'UPDATE' WHEN 'D' THEN 'DELETE' END;
        columns := substring(r.verb FROM '\((.*)\)');
        IF columns IS NOT NULL THEN
            SELECT '(' || string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) || ')' INTO columns
            FROM pg_attribute AS a
            WHERE a.attrelid = to_regclass('public.' || r.relation) AND a.attname = ANY (string_to_array(columns, ',')) AND NOT a.attisdropped;
        END IF;
        EXECUTE format('GRANT %s %s ON public.%I TO %I', word, coalesce(columns, ''), r.relation, r.role);
    END LOOP;
END $$;

-- A table that this file does not name would be a table that nobody can use: say so now and not at night.
DO $$
DECLARE forgotten TEXT;
BEGIN
    SELECT string_agg(c.relname, ', ') INTO forgotten FROM pg_class AS c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname NOT IN (SELECT relation FROM rights);
    IF forgotten IS NOT NULL THEN
        RAISE EXCEPTION 'grants.sql gives no rights on: %', forgotten;
    END IF;
END $$;

COMMIT;
