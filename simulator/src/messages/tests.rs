use super::*;

fn job(at_ms: i64) -> Job<'static> {
    Job {
        at_ms,
        account: "a",
        sender: "S",
        startdate: Some("010120260900"),
        stopdate: None,
        start_ms: at_ms,
        stop_ms: None,
        turkish: false,
        filter: 0,
        kind: Kind::Send,
        service: None,
        template: None,
        error: 0,
    }
}

fn draft(to: u64) -> Draft {
    Draft { to, text: "x".into(), reference: None, segments: 1, mark: Mark::Normal }
}

#[test]
fn a_job_is_found_by_its_id_and_only_by_its_account() {
    let mut ring = Ring::default();
    let one = ring.append(&job(1_700_000_000_000), vec![draft(1), draft(2)]);
    let two = ring.append(&job(1_700_000_000_000), vec![draft(1)]);
    assert_eq!(one.len(), 26);
    assert_eq!(ring.job("a", &one), [1, 2]);
    assert_eq!(ring.job("a", &two), [3]);
    assert!(ring.job("b", &one).is_empty());
    assert!(ring.job("a", "17000000001000000000000009").is_empty());
    assert!(ring.job("a", "nonsense").is_empty());
}

#[test]
fn the_log_is_read_by_number_and_after_a_cursor() {
    let mut ring = Ring::default();
    for n in 0..10 {
        ring.append(&job(n), vec![draft(n as u64 % 2)]);
    }
    let numbers = |page: &Page| page.messages.iter().map(|m| m.n).collect::<Vec<_>>();
    assert_eq!(numbers(&ring.page(0, Some(1), 100)), [2, 4, 6, 8, 10]);
    assert_eq!(numbers(&ring.page(5, Some(1), 2)), [6, 8]);
    assert!(ring.page(5, Some(1), 2).more);
    assert_eq!(numbers(&ring.page(8, None, 100)), [9, 10]);
    assert_eq!(ring.page(0, None, 1).messages[0].startdate.as_deref(), Some("010120260900"));
}

#[test]
fn the_log_is_read_backwards_by_number_and_as_a_whole() {
    let mut ring = Ring::default();
    for n in 0..6 {
        ring.append(&job(n), vec![draft(n as u64 % 2)]);
    }
    let numbers =
        |to, before| -> Vec<u64> { ring.newest_first(to, before).map(|(n, _)| n).collect() };
    assert_eq!(numbers(None, u64::MAX), [6, 5, 4, 3, 2, 1]);
    assert_eq!(numbers(None, 3), [2, 1]);
    assert_eq!(numbers(Some(1), u64::MAX), [6, 4, 2]);
    assert_eq!(numbers(Some(1), 4), [2]);
    assert!(numbers(Some(9), u64::MAX).is_empty() && numbers(None, 0).is_empty());
}

#[test]
fn a_dropped_message_is_gone_from_every_way_in() {
    let mut ring = Ring::default();
    let first = ring.append(&job(1), vec![draft(7)]);
    ring.append(&job(2), vec![draft(7)]);
    ring.append(&job(3), vec![draft(8)]);
    ring.drop_oldest();
    ring.drop_oldest();
    assert!(ring.job("a", &first).is_empty());
    assert!(ring.last_to.len() == 1 && ring.page(0, Some(7), 9).messages.is_empty());
    assert_eq!(ring.recent_to("a", 7, 0, 99), 0);
    assert_eq!(ring.between(0, 9).map(|(n, _)| n).collect::<Vec<_>>(), [3]);
    assert_eq!(ring.newest(), 3);
}

#[test]
fn recent_sends_to_a_number_are_counted_up_to_enough() {
    let mut ring = Ring::default();
    for at in [10, 20, 30] {
        ring.append(&job(at), vec![draft(7), draft(8)]);
    }
    assert_eq!(ring.recent_to("a", 7, 10, 99), 2);
    assert_eq!(ring.recent_to("a", 7, 0, 2), 2);
    assert_eq!(ring.recent_to("b", 7, 0, 99), 0);
}

#[test]
fn an_entry_stays_small() {
    assert!(size_of::<Entry>() <= 128, "{}", size_of::<Entry>());
}
