//! Who may log in, for how long, how often somebody may be wrong; and that what people did stands on the record.

use crate::draft::{CLINIC, ntf};
use crate::engine;
use crate::place::{Place, fresh};
use ledger::access::{
    Access, AccessFilter, AccessKind, IDLE_MS, LASTS_MS, LogIn, Right, Role, SessionSecret, TRIES,
    TRIES_EVERYWHERE, TRIES_SPAN_MS, Visitor,
};
use ledger::dead::Act;
use ledger::record::Entry;
use ledger::tokens::{NewToken, Revoked, TokenAsk, TokenSecret};
use ledger::{Ledger, migrate};
use sqlx::AssertSqlSafe;

const WHO: &str = "ayse@m1";
const HERE: &str = "192.0.2.7";
const DAY_MS: i64 = 24 * 3_600_000;

async fn token(place: &Place, role: Role, clinic: Option<&str>) -> NewToken {
    let ask = TokenAsk {
        role,
        clinic: clinic.map(str::to_owned),
        label: "quality".to_owned(),
        lasts_ms: Some(DAY_MS),
    };
    place.create_token_of(&ask, WHO).await.unwrap()
}

fn shown(token: &NewToken) -> TokenSecret {
    TokenSecret::parse(&token.token).unwrap()
}

async fn log_in(place: &Place, token: &NewToken) -> (SessionSecret, Visitor) {
    match place.log_in(&shown(token), HERE).await.unwrap() {
        LogIn::In { secret, visitor } => (secret, visitor),
        other => panic!("{other:?}"),
    }
}

async fn is_wrong(place: &Place, token: &NewToken) -> bool {
    matches!(place.log_in(&shown(token), HERE).await.unwrap(), LogIn::Wrong)
}

/// What was recorded, newest first.
async fn noted(place: &Place) -> Vec<AccessKind> {
    let (all, _) = place.accesses(&AccessFilter::default(), None, 100).await.unwrap();
    all.into_iter().map(|accessed| accessed.access.what).collect()
}

#[tokio::test]
async fn each_role_logs_in_as_itself_and_the_doors_opens_no_page() {
    let place = fresh().await;
    for (role, clinic) in [
        (Role::Clinic, Some(CLINIC)),
        (Role::Auditor, None),
        (Role::Auditor, Some(CLINIC)),
        (Role::Ops, None),
        (Role::Admin, None),
    ] {
        let token = token(&place, role, clinic).await;
        let (secret, visitor) = log_in(&place, &token).await;
        assert_eq!((visitor.role, visitor.clinic.as_deref()), (role, clinic));
        let again = place.visitor(&secret).await.unwrap().unwrap();
        assert_eq!(again, visitor, "what the login said is what the session says");
        assert!(visitor.posted(&again.csrf) && visitor.csrf.len() >= 32);
        // the HTTP door takes none of these
        assert_eq!(place.clinics_of_tokens(&[shown(&token)]).await.pop().unwrap().unwrap(), None);
    }
    let door = place.create_token(CLINIC, "booking", WHO).await.unwrap();
    assert!(is_wrong(&place, &door).await);
    let of = place.clinics_of_tokens(&[shown(&door)]).await.pop().unwrap().unwrap();
    assert_eq!(of.as_deref(), Some(CLINIC));
    assert!(matches!(&noted(&place).await[0], AccessKind::LogInFailed { why } if why == "door"));
}

#[tokio::test]
async fn a_wish_that_does_not_fit_its_role_makes_no_token() {
    let place = fresh().await;
    for (role, clinic, lasts_ms) in [
        (Role::Clinic, None, Some(DAY_MS)),
        (Role::Admin, Some(CLINIC), Some(DAY_MS)),
        (Role::Auditor, None, None),
        (Role::Door, None, None),
    ] {
        let clinic = clinic.map(str::to_owned);
        let ask = TokenAsk { role, clinic, label: String::new(), lasts_ms };
        place.create_token_of(&ask, WHO).await.unwrap_err();
    }
    assert!(place.tokens().await.unwrap().is_empty());
    assert!(place.records("").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_revoked_token_and_an_expired_one_end_their_sessions_at_once() {
    let place = fresh().await;
    let first = token(&place, Role::Auditor, None).await;
    let (a, _) = log_in(&place, &first).await;
    let (b, _) = log_in(&place, &first).await;
    let second = token(&place, Role::Ops, None).await;
    let (c, _) = log_in(&place, &second).await;
    assert_eq!(place.revoke_token(&first.id, WHO).await.unwrap(), Revoked::Now);
    for gone in [&a, &b] {
        assert_eq!(place.visitor(gone).await.unwrap(), None);
    }
    assert!(place.visitor(&c).await.unwrap().is_some(), "another token's session goes on");
    assert!(is_wrong(&place, &first).await);
    assert_eq!(place.number("SELECT count(*) FROM session").await, 1);
    // as time would have done it
    let now = place.now().await;
    let expires = format!("UPDATE api_token SET expires_at = {now} WHERE id = '{}'", second.id);
    place.run(&expires).await;
    assert_eq!(place.visitor(&c).await.unwrap(), None);
    assert!(is_wrong(&place, &second).await);
    assert!(place.tokens().await.unwrap().iter().any(|token| token.has_expired(now)));
    let why: Vec<_> = noted(&place).await.into_iter().take(2).collect();
    assert!(
        matches!(&why[..], [AccessKind::LogInFailed { why: a }, AccessKind::LogInFailed { why: b }]
            if a == "expired" && b == "revoked"),
        "{why:?}"
    );
    // the door's own, too
    let door = place.create_token(CLINIC, "", WHO).await.unwrap();
    place.run(&format!("UPDATE api_token SET expires_at = {now} WHERE id = '{}'", door.id)).await;
    assert_eq!(place.clinics_of_tokens(&[shown(&door)]).await.pop().unwrap().unwrap(), None);
}

#[tokio::test]
async fn a_session_is_over_when_it_is_idle_and_when_it_is_old() {
    let place = fresh().await;
    let token = token(&place, Role::Admin, None).await;
    let (secret, visitor) = log_in(&place, &token).await;
    let now = place.now().await;
    assert!((visitor.expires_at - now - LASTS_MS).abs() < 60_000);
    let seen = async |ago: i64| {
        place.run(&format!("UPDATE session SET seen_at = {} - {ago}", engine::NOW)).await;
    };
    seen(IDLE_MS - 60_000).await;
    assert!(place.visitor(&secret).await.unwrap().is_some());
    // that look counts as a use
    let idle = format!("SELECT {} - seen_at FROM session", engine::NOW);
    assert!(place.number(&idle).await < 60_000);
    seen(IDLE_MS + 1_000).await;
    assert_eq!(place.visitor(&secret).await.unwrap(), None);
    seen(0).await;
    assert!(place.visitor(&secret).await.unwrap().is_some());
    place.run(&format!("UPDATE session SET expires_at = {} - 1", engine::NOW)).await;
    assert_eq!(place.visitor(&secret).await.unwrap(), None);
    // the next login sweeps it away
    log_in(&place, &token).await;
    assert_eq!(place.number("SELECT count(*) FROM session").await, 1);
    // a token that ends before its session does says so
    place.run(&format!("UPDATE api_token SET expires_at = {} + 60000", engine::NOW)).await;
    let (_, soon) = log_in(&place, &token).await;
    assert!(soon.expires_at - now < LASTS_MS / 2);
}

#[tokio::test]
async fn logging_out_ends_one_session_or_all_of_the_tokens() {
    let place = fresh().await;
    let first = token(&place, Role::Clinic, Some(CLINIC)).await;
    let other = token(&place, Role::Clinic, Some(CLINIC)).await;
    let (a, visitor) = log_in(&place, &first).await;
    let (b, _) = log_in(&place, &first).await;
    let (c, _) = log_in(&place, &other).await;
    place.log_out(&visitor).await.unwrap();
    let there = async |secret: &SessionSecret| place.visitor(secret).await.unwrap().is_some();
    assert_eq!((there(&a).await, there(&b).await, there(&c).await), (false, true, true));
    let (_, visitor) = log_in(&place, &first).await;
    assert_eq!(place.log_out_everywhere(&visitor).await.unwrap(), 2);
    assert_eq!((there(&b).await, there(&c).await), (false, true));
}

#[tokio::test]
async fn nothing_but_the_whole_secret_is_a_session_and_it_is_kept_nowhere() {
    let place = fresh().await;
    let token = token(&place, Role::Admin, None).await;
    let (a, _) = log_in(&place, &token).await;
    let (b, _) = log_in(&place, &token).await;
    let (a, b) = (a.cookie(), b.cookie());
    let ((id, secret), (_, other)) = (a.split_once('_').unwrap(), b.split_once('_').unwrap());
    let mixed = SessionSecret::parse(&format!("{id}_{other}")).unwrap();
    assert_eq!(place.visitor(&mixed).await.unwrap(), None);
    for kept in [
        format!("SELECT count(*) FROM session WHERE hash LIKE '%{secret}%'"),
        format!("SELECT count(*) FROM record WHERE bytes LIKE '%{secret}%'"),
        format!("SELECT count(*) FROM record WHERE bytes LIKE '%{HERE}%'"),
        format!("SELECT count(*) FROM login_try WHERE caller LIKE '%{HERE}%'"),
    ] {
        assert_eq!(place.number(&kept).await, 0, "{kept}");
    }
}

#[tokio::test]
async fn who_is_wrong_too_often_waits_and_whoever_is_right_does_not() {
    let place = fresh().await;
    let good = token(&place, Role::Auditor, None).await;
    let bad = TokenSecret::parse(&format!("ulak_{}_{}", "a".repeat(16), "b".repeat(52))).unwrap();
    // at the same moment, too: no more than so many are let through
    let tries = (0..TRIES + 5).map(|_| place.log_in(&bad, HERE));
    let answers = futures_all(tries).await;
    let wrong = answers.iter().filter(|answer| matches!(answer, LogIn::Wrong)).count();
    assert_eq!(wrong, usize::try_from(TRIES).unwrap());
    // while somebody else writes, too: who waits costs nobody's turn
    let mut busy = place.raw.begin().await.unwrap();
    sqlx::query("UPDATE login_try SET tries = tries").execute(&mut *busy).await.unwrap();
    let LogIn::Later { until } = place.log_in(&bad, HERE).await.unwrap() else {
        panic!("a wrong one too many, and it was not told to wait")
    };
    busy.rollback().await.unwrap();
    let wait = until - place.now().await;
    assert!((0..=TRIES_SPAN_MS).contains(&wait), "{wait}");
    for from in [HERE, "192.0.2.8"] {
        let right = place.log_in(&shown(&good), from).await.unwrap();
        assert!(matches!(right, LogIn::In { .. }), "only wrong ones are refused: {right:?}");
    }
    // what was right once is wrong now, and counts as any other
    place.revoke_token(&good.id, WHO).await.unwrap();
    let revoked = place.log_in(&shown(&good), HERE).await.unwrap();
    assert!(matches!(revoked, LogIn::Later { .. }), "{revoked:?}");
    let good = token(&place, Role::Auditor, None).await;
    let failed = noted(&place).await;
    let failed = failed.iter().filter(|what| matches!(what, AccessKind::LogInFailed { .. }));
    assert_eq!(failed.count(), usize::try_from(TRIES).unwrap());
    // the next span
    place.run(&format!("UPDATE login_try SET span = span - {TRIES_SPAN_MS}")).await;
    assert!(matches!(place.log_in(&shown(&good), HERE).await.unwrap(), LogIn::In { .. }));
    assert!(matches!(place.log_in_with_nonsense(HERE).await.unwrap(), LogIn::Wrong));
    assert_eq!(place.number("SELECT tries FROM login_try WHERE caller = ''").await, 1);
}

#[tokio::test]
async fn a_crowd_of_wrong_ones_is_not_recorded_without_end_and_locks_nobody_out() {
    let place = fresh().await;
    let good = token(&place, Role::Auditor, None).await;
    let callers = TRIES_EVERYWHERE / TRIES + 2;
    for caller in 0..callers {
        for _ in 0..TRIES {
            let answer = place.log_in_with_nonsense(&format!("198.51.100.{caller}")).await.unwrap();
            assert!(!matches!(answer, LogIn::In { .. }));
        }
    }
    let failed = "SELECT count(*) FROM record WHERE kind = 'access'";
    assert_eq!(place.number(failed).await, TRIES_EVERYWHERE);
    let later = place.log_in_with_nonsense("203.0.113.1").await.unwrap();
    assert!(matches!(later, LogIn::Later { .. }), "{later:?}");
    assert!(matches!(place.log_in(&shown(&good), "203.0.113.1").await.unwrap(), LogIn::In { .. }));
}

async fn futures_all(
    tries: impl Iterator<Item = impl Future<Output = Result<LogIn, ledger::LedgerError>>>,
) -> Vec<LogIn> {
    futures::future::join_all(tries).await.into_iter().map(Result::unwrap).collect()
}

#[tokio::test]
async fn what_people_did_is_read_newest_first_and_stands_in_the_story_it_is_about() {
    let place = fresh().await;
    place.sending("a").await;
    let token = token(&place, Role::Auditor, None).await;
    let (_, visitor) = log_in(&place, &token).await;
    let opened = AccessKind::Opened { reason: "complaint".to_owned(), fields: vec!["text".into()] };
    let note = Access::by(&visitor, opened.clone()).about(CLINIC, &ntf("a"));
    place.note_access(&note).await.unwrap();
    let denied = AccessKind::Denied {
        path: "/audit/messages/{ntf}".to_owned(),
        right: Some(Right::Operate),
    };
    place.note_access(&Access::by(&visitor, denied.clone())).await.unwrap();
    place.reveal(CLINIC, &ntf("a"), Act { who: WHO, why: "court" }, &["body"]).await.unwrap();
    place.log_out(&visitor).await.unwrap();

    let all = noted(&place).await;
    let at_desk = AccessKind::Opened { reason: "court".to_owned(), fields: vec!["body".into()] };
    let made = AccessKind::Acted { what: format!("token create --role auditor: {}", token.id) };
    let out = AccessKind::LoggedOut { everywhere: false };
    assert_eq!(all, [out, at_desk, denied, opened.clone(), AccessKind::LoggedIn, made]);
    // page by page: the same, each once
    let (mut pages, mut after) = (vec![], None);
    loop {
        let (page, next) = place.accesses(&AccessFilter::default(), after, 2).await.unwrap();
        pages.extend(page.into_iter().map(|accessed| accessed.access.what));
        after = next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(pages, all);
    let by = async |filter: AccessFilter| place.accesses(&filter, None, 100).await.unwrap().0.len();
    let of_token = AccessFilter { token: Some(token.id.clone()), ..AccessFilter::default() };
    assert_eq!(by(of_token).await, 5, "its making, and what was done with it");
    let of_row = AccessFilter { ntf: Some(ntf("a")), ..AccessFilter::default() };
    assert_eq!(by(of_row).await, 2);
    let of_clinic = AccessFilter { clinic: Some("besiktas".to_owned()), ..AccessFilter::default() };
    assert_eq!(by(of_clinic).await, 0);
    let past = AccessFilter { to: Some(1), ..AccessFilter::default() };
    assert_eq!(by(past).await, 0);
    // it changes nothing of what the records say of the message
    let entries: Vec<Entry> =
        place.records(&ntf("a")).await.unwrap().into_iter().map(|record| record.entry).collect();
    assert!(
        entries.iter().any(|entry| matches!(entry, Entry::Access { what, .. } if *what == opened))
    );
    place.assert_sound().await;
    assert!(place.faults(&[ntf("a")]).await.unwrap().is_empty());
}

/// What schema 7 held: the columns and tables of 8 are not there yet.
const BACK_TO_7: &str = "UPDATE meta SET value = '7' WHERE key = 'schema'";

#[tokio::test]
async fn a_token_of_before_the_roles_stays_the_doors_and_does_not_end() {
    let place = fresh().await;
    let old = place.create_token(CLINIC, "booking", WHO).await.unwrap();
    place.waiting("parked").await;
    place.dead_letter(&[ntf("parked")], "crash-loop").await.unwrap();
    let back: Vec<&str> = [
        "DROP INDEX record_access",
        "DROP TABLE session",
        "DROP TABLE login_try",
        "DROP TABLE parked",
        "DROP TABLE end_kind",
        "DROP TABLE end_span",
        "DROP TABLE hour_told",
        "DROP TABLE hour_kept",
        "ALTER TABLE api_token DROP COLUMN role",
        "ALTER TABLE api_token DROP COLUMN expires_at",
        "DROP INDEX attempt_lanes",
        "DROP INDEX fact_events",
        BACK_TO_7,
    ]
    .into_iter()
    .chain(engine::INDEXES_OF_7.iter().copied())
    .collect();
    // on one connection: another one of SQLite's learns late what is there no more
    let back = sqlx::raw_sql(AssertSqlSafe(back.join("; ")));
    back.execute(&place.raw).await.unwrap();
    assert_eq!(migrate(&place.settings).await.unwrap(), 7);
    let ledger = Ledger::open(&place.settings).await.unwrap();
    let of = ledger.clinics_of_tokens(&[shown(&old)]).await.pop().unwrap().unwrap();
    assert_eq!(of.as_deref(), Some(CLINIC));
    let listed = ledger.tokens().await.unwrap().remove(0);
    assert_eq!((listed.role, listed.expires_at), (Role::Door, None));
    // a dead letter of before is one, without a look at its records
    assert_eq!(ledger.dead_letters_unhandled().await.unwrap(), 1);
    // and its reason is known once the reader has come by what was there before it
    assert!(ledger.reasons().await.unwrap().is_empty());
    // transactions of other databases of the server may hold the reader back
    while ledger.reasons().await.unwrap().is_empty() {
        ledger.note_ends().await.unwrap();
    }
    assert_eq!(ledger.reasons().await.unwrap(), ["crash-loop"]);
    ledger.close().await;
}
