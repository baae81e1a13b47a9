//! A search finds what fits, all of it and nothing else, page by page, whatever arrives meanwhile.

use crate::books::Dice;
use crate::draft::{CLINIC, LANE, REFUSED, claim, claimed, ntf, received, settle};
use crate::place::{Place, fresh};
use ledger::access::{Role, Visitor};
use ledger::bench::PastRow;
use ledger::decision::{Claim, Claimed, Origin};
use ledger::protocol::Outcome;
use ledger::search::{SearchCursor, SearchFilter};
use ledger::state::State;
use std::collections::BTreeSet;

fn all() -> SearchFilter {
    SearchFilter::default()
}

/// Every page of a search, in order.
async fn pages(place: &Place, filter: &SearchFilter, limit: i64) -> Vec<String> {
    let (mut found, mut after) = (vec![], None);
    loop {
        let page = place.search(filter, after.as_ref(), limit).await.unwrap();
        assert!(page.rows.len() <= usize::try_from(limit).unwrap());
        found.extend(page.rows.into_iter().map(|found| found.row.ntf));
        let Some(next) = page.next else { return found };
        // as it comes back from a page's address
        after = Some(SearchCursor::parse(&next.to_string()).unwrap());
    }
}

async fn sorted(place: &Place, filter: &SearchFilter) -> Vec<String> {
    let mut found = pages(place, filter, 100).await;
    found.sort_unstable();
    found
}

/// A claim on another lane and channel.
fn claim_on(name: &str, channel: &str, lane: &str) -> Claim {
    let mut claim = claim(name);
    channel.clone_into(&mut claim.channel);
    lane.clone_into(&mut claim.lane);
    claim
}

#[tokio::test]
async fn each_filter_finds_what_fits_and_nothing_else() {
    let place = fresh().await;
    place.waiting("w").await;
    place.sending("s").await;
    place.outcome_one("s", 1, Outcome::Accepted).await;
    assert_eq!(place.claim_one(claim_on("t", "whatsapp", "meta/default/1055")).await, Claimed::Won);
    place.outcome_one("t", 1, REFUSED).await;
    let mut suppressed = settle("d", State::Suppressed);
    "no-consent: not listed".clone_into(&mut suppressed.why);
    assert!(place.settle_one(suppressed).await);
    let mut longer = settle("e", State::Suppressed);
    "no-consent-at-all".clone_into(&mut longer.why);
    assert!(place.settle_one(longer).await);
    let row = async |filter: SearchFilter| sorted(&place, &filter).await;
    let five = [ntf("d"), ntf("e"), ntf("s"), ntf("t"), ntf("w")];
    assert_eq!(row(all()).await, five);
    let state = |state| SearchFilter { state: Some(state), ..all() };
    assert_eq!(row(state(State::Waiting)).await, [ntf("w")]);
    assert_eq!(row(state(State::Suppressed)).await, [ntf("d"), ntf("e")]);
    assert!(row(state(State::Unresolved)).await.is_empty());
    let channel = |channel: &str| SearchFilter { channel: Some(channel.to_owned()), ..all() };
    assert_eq!(row(channel("sms")).await, [ntf("s")]);
    assert_eq!(row(channel("whatsapp")).await, [ntf("t")]);
    let provider = |lane: &str| SearchFilter { provider: Some(lane.to_owned()), ..all() };
    assert_eq!(
        row(provider("netgsm")).await,
        [ntf("s"), ntf("w")],
        "tried there, and waiting there"
    );
    for lane in ["netgsm/8501234567", LANE] {
        assert_eq!(row(provider(lane)).await, [ntf("s"), ntf("w")], "{lane}");
    }
    for none in ["netgs", "netgsm/850", "NETGSM", "net%", "", "iys"] {
        assert!(row(provider(none)).await.is_empty(), "{none}");
    }
    let both = SearchFilter { channel: Some("sms".to_owned()), ..provider("meta") };
    assert!(row(both).await.is_empty());
    let reason = |code: &str| SearchFilter { reason: Some(code.to_owned()), ..all() };
    assert_eq!(row(reason("no-consent")).await, [ntf("d")], "the whole code");
    assert_eq!(row(reason("because")).await, [ntf("w")]);
    assert!(row(reason("no-consent: not listed")).await == [ntf("d")], "or all of it");
    let event = SearchFilter { event_id: Some("evt-t".to_owned()), ..all() };
    assert_eq!(row(event.clone()).await, [ntf("t")]);
    let of_type = |name: &str| SearchFilter { event_type: Some(name.to_owned()), ..event.clone() };
    assert_eq!(row(of_type("ulak.appointment-reminder.v1")).await, [ntf("t")]);
    assert!(row(of_type("ulak.payment-receipt.v1")).await.is_empty());
    let things = vec!["none".to_owned(), "thing-s".to_owned(), "thing-w".to_owned()];
    assert_eq!(row(SearchFilter { things, ..all() }).await, [ntf("s"), ntf("w")]);
    let person = |key: &str| SearchFilter { person: Some(key.to_owned()), ..all() };
    assert_eq!(row(person("person-d")).await, [ntf("d")]);
    assert!(row(person("person-nobody")).await.is_empty());
    assert!(
        row(SearchFilter { clinic: Some("besiktas".to_owned()), ..person("person-d") })
            .await
            .is_empty()
    );
    let now = place.now().await;
    assert_eq!(
        row(SearchFilter { from: Some(now - 60_000), to: Some(now + 60_000), ..all() }).await,
        five
    );
    assert!(row(SearchFilter { to: Some(now - 60_000), ..all() }).await.is_empty());
    // what is told of a row
    let found = place.search(&event, None, 10).await.unwrap().rows.remove(0);
    assert_eq!(found.lane.as_deref(), Some("meta/default/1055"));
    assert_eq!(
        (found.channel.as_deref(), found.attempts, found.segments),
        (Some("whatsapp"), 1, 0)
    );
    let found =
        place.search(&SearchFilter { event_id: Some("evt-s".to_owned()), ..all() }, None, 10).await;
    assert_eq!(found.unwrap().rows[0].segments, 1, "what a provider took is billed");
    let found = place.search(&reason("no-consent"), None, 10).await.unwrap().rows.remove(0);
    assert_eq!((found.code.as_deref(), found.lane), (Some("no-consent"), None));
}

#[tokio::test]
async fn an_appointment_brings_its_facts_and_a_page_after_the_first_does_not() {
    let place = fresh().await;
    let rows: Vec<_> = (0..30).map(|n| past(n, 1_000 + n)).collect();
    place.bench_fill_past(&rows).await.unwrap();
    let filter =
        SearchFilter { appointment: Some(PastRow::appointment(10)), with_facts: true, ..all() };
    let page = place.search(&filter, None, 2).await.unwrap();
    assert_eq!((page.rows.len(), page.facts.len()), (2, 1), "{page:?}");
    let next = place.search(&filter, page.next.as_ref(), 2).await.unwrap();
    assert_eq!((next.rows.len(), next.facts.len()), (1, 0));
    let without = SearchFilter { with_facts: false, ..filter.clone() };
    assert!(place.search(&without, None, 2).await.unwrap().facts.is_empty());
    let elsewhere = SearchFilter { clinic: Some("nobody".to_owned()), ..filter };
    let page = place.search(&elsewhere, None, 2).await.unwrap();
    assert!(page.rows.is_empty() && page.facts.is_empty());
    let by_id = SearchFilter {
        event_id: Some("fact-of-the-bench-10".to_owned()),
        with_facts: true,
        ..all()
    };
    assert_eq!(
        place.search(&by_id, None, 9).await.unwrap().facts[0].event_id,
        "fact-of-the-bench-10"
    );
}

const STATES: [(State, &str); 5] = [
    (State::Delivered, ""),
    (State::Accepted, ""),
    (State::Suppressed, "no-consent: not listed"),
    (State::Waiting, "quiet-hours"),
    (State::Refused, "netgsm:50: no"),
];
const LANES: [Option<(&str, &str)>; 4] = [
    Some(("sms", "netgsm/default/KLINIK")),
    Some(("sms", "twilio/default/KLINIK")),
    Some(("whatsapp", "meta/default/1055")),
    None,
];

/// A row of the past, told by its number.
fn past(n: i64, at: i64) -> PastRow {
    let mut dice = Dice(n.unsigned_abs());
    let mut roll = |sides: usize| usize::try_from(dice.roll(sides as u64)).unwrap();
    let (state, why) = STATES[roll(STATES.len())];
    let lane = LANES[roll(LANES.len())];
    PastRow {
        ntf: format!("ntf_{:05}", (n * 7_919) % 100_000),
        n,
        clinic: ["atasehir", "besiktas", "cankaya"][roll(3)].to_owned(),
        event_type: ["ulak.appointment-reminder.v1", "ulak.payment-receipt.v1"][roll(2)],
        state: state.as_str(),
        why,
        channel: lane.map(|(channel, _)| channel),
        lane: lane.map(|(_, lane)| lane),
        at,
    }
}

/// What a filter should find of rows, in order.
fn fitting(rows: &[PastRow], filter: &SearchFilter) -> Vec<String> {
    let is = |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|w| w == value);
    let mut fitting: Vec<_> = rows
        .iter()
        .filter(|row| {
            let on_lane = |provider: &str| {
                let begins =
                    |lane: &str| lane == provider || lane.starts_with(&format!("{provider}/"));
                row.lane.is_some_and(begins)
            };
            is(&filter.clinic, &row.clinic)
                && is(&filter.event_type, row.event_type)
                && filter.state.is_none_or(|state| state.as_str() == row.state)
                && filter.channel.as_deref().is_none_or(|channel| row.channel == Some(channel))
                && filter.provider.as_deref().is_none_or(on_lane)
                && filter
                    .reason
                    .as_deref()
                    .is_none_or(|code| row.why.split(": ").next() == Some(code))
                && filter.from.is_none_or(|from| row.at >= from)
                && filter.to.is_none_or(|to| row.at < to)
        })
        .collect();
    fitting.sort_by(|a, b| (b.at, &b.ntf).cmp(&(a.at, &a.ntf)));
    fitting.into_iter().map(|row| row.ntf.clone()).collect()
}

/// Some filter, often of several things.
fn some_filter(dice: &mut Dice, rows: i64) -> SearchFilter {
    let mut pick = |of: &[&str]| {
        let n = usize::try_from(dice.roll(of.len() as u64 * 2)).unwrap();
        of.get(n).map(|text| (*text).to_owned())
    };
    let clinic = pick(&["atasehir", "besiktas", "nobody"]);
    let event_type = pick(&["ulak.payment-receipt.v1", "ulak.none.v1"]);
    let state = pick(&["suppressed", "waiting", "refused", "unresolved", "delivered"]);
    let channel = pick(&["sms", "whatsapp"]);
    let provider = pick(&["netgsm", "twilio/default", "meta", "iys"]);
    let reason = pick(&["no-consent", "quiet-hours", "netgsm:50"]);
    let (from, to) = (dice.roll(3), dice.roll(3));
    SearchFilter {
        clinic,
        event_type,
        state: state.as_deref().and_then(State::parse),
        channel,
        provider,
        reason,
        from: (from == 0).then_some(rows / 4),
        to: (to == 0).then_some(rows / 2),
        ..all()
    }
}

/// More rows than are looked through in order before the others are collected.
const MANY: i64 = 16_000;
/// Milliseconds between two instants at which some were made: the noted places (ten minutes) hold a few each.
const APART: i64 = 200_000;

/// Sixty searches find what fits: in pages of all sizes, and in short ones.
async fn all_is_found(place: &Place, rows: &[PastRow], dice: &mut Dice) {
    for round in 0..60 {
        let filter = some_filter(dice, MANY / 3 * APART);
        let fitting = fitting(rows, &filter);
        let limit = [1_500, 4_000, 20_000][round % 3];
        assert_eq!(pages(place, &filter, limit).await, fitting, "{filter:?}");
        let counted = place.count_found(&filter, i64::MAX / 2).await.unwrap();
        assert_eq!(counted, i64::try_from(fitting.len()).unwrap(), "{filter:?}");
        // short pages look through the newest in order first, and collect the others
        let mut after = None;
        for page in fitting.chunks(7).take(6) {
            let found = place.search(&filter, after.as_ref(), 7).await.unwrap();
            let rows: Vec<_> = found.rows.into_iter().map(|found| found.row.ntf).collect();
            assert_eq!(rows, page, "{filter:?}");
            after = found.next;
        }
    }
}

/// The same before anybody noted where ends are, while somebody is at it, and afterwards; and when old ones have moved since.
#[tokio::test]
async fn what_a_search_finds_is_what_fits_whatever_is_asked_and_in_whatever_pages() {
    let place = fresh().await;
    // several at the same instant, as a slice of a worker makes them
    let mut rows: Vec<_> = (0..MANY).map(|n| past(n, (1 + n / 3) * APART)).collect();
    for slice in rows.chunks(4_000) {
        place.bench_fill_past(slice).await.unwrap();
    }
    place.run("ANALYZE").await;
    let mut dice = Dice(20_261_122);
    assert!(place.reasons().await.unwrap().is_empty(), "nobody noted any");
    all_is_found(&place, &rows, &mut dice).await;
    for _ in 0..4 {
        while place.note_ends().await.unwrap() {
            // transactions of other databases of the server hold the reader back: there are more
        }
    }
    all_is_found(&place, &rows, &mut dice).await;
    place.note_all().await;
    let known = place.reasons().await.unwrap();
    assert!(known.contains(&"no-consent".to_owned()) && !known.contains(&String::new()));
    all_is_found(&place, &rows, &mut dice).await;
    for row in rows.iter_mut().filter(|row| row.n % 50 == 3 && row.state == "waiting") {
        place.dead_letter(std::slice::from_ref(&row.ntf), "crash-loop").await.unwrap();
        (row.state, row.why) = ("dead-lettered", "crash-loop");
    }
    let moved = SearchFilter { reason: Some("crash-loop".to_owned()), ..all() };
    for noted in [false, true] {
        let expected = fitting(&rows, &moved);
        assert!(expected.len() > 20, "{}", expected.len());
        assert_eq!(pages(&place, &moved, 7).await, expected, "noted: {noted}");
        all_is_found(&place, &rows, &mut dice).await;
        place.note_all().await;
    }
    assert_eq!(place.count_found(&all(), 10).await.unwrap(), 10, "not further than that");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_neither_skip_nor_repeat_while_others_arrive_and_move() {
    let place = fresh().await;
    for n in 0..60 {
        assert!(place.settle_one(settle(&format!("old-{n:02}"), State::Waiting)).await);
    }
    let before: BTreeSet<_> = pages(&place, &all(), 7).await.into_iter().collect();
    assert_eq!(before.len(), 60);
    for round in 0..4 {
        let newcomers = async {
            for n in 0..25 {
                let name = format!("new-{round}-{n}");
                assert!(place.settle_one(settle(&name, State::Waiting)).await);
                // and an old one moves: its place in the order stays
                let old = ntf(&format!("old-{:02}", round * 15 + n % 15));
                place.dead_letter(&[old], "crash-loop").await.unwrap();
            }
        };
        let everything = all();
        let (found, ()) = tokio::join!(pages(&place, &everything, 7), newcomers);
        let distinct: BTreeSet<_> = found.iter().cloned().collect();
        assert_eq!(distinct.len(), found.len(), "a row stands on two pages");
        assert!(before.is_subset(&distinct), "a row that was there is on no page");
    }
}

fn visitor(clinic: Option<&str>) -> Visitor {
    Visitor {
        session: "s".to_owned(),
        token: "t".to_owned(),
        label: String::new(),
        role: Role::Clinic,
        clinic: clinic.map(str::to_owned),
        csrf: "c".to_owned(),
        expires_at: i64::MAX,
    }
}

#[tokio::test]
async fn whoever_may_see_one_clinic_never_finds_anothers_row() {
    let place = fresh().await;
    let rows: Vec<_> = (0..300).map(|n| past(n, 1_000 + n)).collect();
    place.bench_fill_past(&rows).await.unwrap();
    let mut theirs = claim("theirs");
    if let Origin::New(new) = &mut theirs.origin {
        "besiktas".clone_into(&mut new.clinic);
        theirs.entries = vec![received(new), claimed(1)];
    }
    "besiktas".clone_into(&mut theirs.person.clinic);
    assert_eq!(place.claim_one(theirs).await, Claimed::Won);
    let (one, everybody) = (visitor(Some(CLINIC)), visitor(None));
    let mut dice = Dice(7);
    for _ in 0..40 {
        // also where another clinic is asked for by name
        let filter = some_filter(&mut dice, 1_300).seen_by(&one);
        for found in place.search(&filter, None, 500).await.unwrap().rows {
            assert_eq!(found.row.clinic, CLINIC, "{filter:?}");
        }
    }
    for filter in [
        SearchFilter { event_id: Some("evt-theirs".to_owned()), ..all() },
        SearchFilter { person: Some("person-theirs".to_owned()), ..all() },
        SearchFilter { things: vec!["thing-theirs".to_owned()], ..all() },
    ] {
        assert_eq!(sorted(&place, &filter).await, [ntf("theirs")]);
        assert!(sorted(&place, &filter.seen_by(&one)).await.is_empty());
    }
    assert!(place.find_for(&one, &ntf("theirs")).await.unwrap().is_none());
    assert!(place.find_for(&one, "ntf_nobody").await.unwrap().is_none());
    assert!(place.find_for(&everybody, &ntf("theirs")).await.unwrap().is_some());
}

#[tokio::test]
async fn whatever_is_asked_for_is_compared_and_never_run() {
    let place = fresh().await;
    place.sending("a").await;
    for odd in
        ["' OR '1' = '1", "%", "_", "\\", "$1", "{now}", "a\"b", "ş", "); DROP TABLE open; --"]
    {
        for filter in [
            SearchFilter { clinic: Some(odd.to_owned()), ..all() },
            SearchFilter { event_type: Some(odd.to_owned()), ..all() },
            SearchFilter { channel: Some(odd.to_owned()), ..all() },
            SearchFilter { provider: Some(odd.to_owned()), ..all() },
            SearchFilter { reason: Some(odd.to_owned()), ..all() },
            SearchFilter { event_id: Some(odd.to_owned()), with_facts: true, ..all() },
            SearchFilter { appointment: Some(odd.to_owned()), with_facts: true, ..all() },
            SearchFilter { things: vec![odd.to_owned()], ..all() },
            SearchFilter { person: Some(odd.to_owned()), ..all() },
        ] {
            let page = place.search(&filter, None, 10).await.unwrap();
            assert!(page.rows.is_empty() && page.facts.is_empty(), "{filter:?}");
        }
    }
    place.assert_sound().await;
}
