use super::*;

const MEHMET: &str = "Mehmet Bey, ödemeniz alındı.";

fn mehmet() -> PhoneNumber {
    PhoneNumber::parse("+905339999999").unwrap()
}

fn key(sms: &Sms<'_>) -> JobKey {
    JobKey::of(sms).unwrap()
}

async fn job(members: &[Sms<'_>], then: Then) -> (Outcome, Peer) {
    let peer = Peer::start(vec![then]).await;
    let key = key(&members[0]);
    let outcome = client(account(&peer.url())).send_job(&key, members, Freshness::start()).await;
    (outcome, peer)
}

fn says(status: u16, body: &str) -> Then {
    Then::Say(answer(status, "", body))
}

#[tokio::test]
async fn a_job_says_what_is_common_once_and_each_text_with_its_number() {
    let (a, b) = (phone(), mehmet());
    let two = [sms(&a), Sms { text: MEHMET, reference: "ntf_b-1", ..sms(&b) }];
    let (outcome, peer) = job(&two, says(200, r#"{"code":"00","jobid":"17"}"#)).await;
    assert!(matches!(&outcome, Outcome::Accepted(a) if a.provider_ref == "17"), "{outcome:?}");
    assert_eq!(of_member(&outcome, 2), outcome);
    assert_eq!(
        peer.only_body(),
        json!({"msgheader": "KLINIK", "encoding": "TR", "iysfilter": "0",
            "startdate": "211120262142", "stopdate": "221120261430",
            "messages": [{"msg": TEXT, "no": "5321234567"}, {"msg": MEHMET, "no": "5339999999"}]})
    );
}

#[tokio::test]
async fn a_job_of_one_is_the_same_bytes_as_a_message_alone() {
    let to = phone();
    let (_, shared) = job(&[sms(&to)], says(200, "00 17")).await;
    let alone = Peer::start(vec![says(200, "00 17")]).await;
    client(account(&alone.url())).send(sms(&to), Freshness::start()).await;
    assert_eq!(shared.only_body(), alone.only_body());
}

/// Whoever calls is to keep them apart; if not, nothing leaves.
#[tokio::test]
async fn what_may_not_share_a_job_leaves_no_byte() {
    let (a, b) = (phone(), mehmet());
    let later = at("2026-11-22T11:31:00Z");
    let reference = |url: &str| Account { echoes_reference: true, ..account(url) };
    for (members, refers) in [
        (vec![], false),
        (vec![sms(&a), sms(&a)], false),
        (vec![sms(&a), Sms { sender: "OTHER", ..sms(&b) }], false),
        (vec![sms(&a), Sms { turkish: false, ..sms(&b) }], false),
        (vec![sms(&a), Sms { stops: later, ..sms(&b) }], false),
        (vec![sms(&a), Sms { starts: at("2026-11-21T18:41:59Z"), ..sms(&b) }], false),
        (vec![sms(&a), sms(&b)], true),
    ] {
        let peer = Peer::start(vec![]).await;
        let to = if refers { reference(&peer.url()) } else { account(&peer.url()) };
        let outcome = client(to).send_job(&key(&sms(&a)), &members, Freshness::start()).await;
        assert!(matches!(outcome, Outcome::Failed(FailedKind::NotSent, _)), "{outcome:?}");
        assert_eq!(peer.connections(), 0);
    }
    // the windows are compared as they are written: seconds of one minute are the same
    let same = [sms(&a), Sms { stops: at("2026-11-22T11:30:01Z"), ..sms(&b) }];
    assert!(matches!(job(&same, says(200, "00 17")).await.0, Outcome::Accepted(_)));
}

#[tokio::test]
async fn the_oldest_member_decides_whether_a_byte_leaves() {
    let (a, b) = (phone(), mehmet());
    let two = [sms(&a), sms(&b)];
    let peer = Peer::start(vec![]).await;
    let stale = Freshness::started_ago(Duration::from_secs(6));
    assert!(stale < Freshness::start());
    let outcome = client(account(&peer.url())).send_job(&key(&two[0]), &two, stale).await;
    assert!(matches!(&outcome, Outcome::Failed(FailedKind::NotSent, t) if t.code == "stale"));
    assert!(peer.seen().is_empty());
}

#[tokio::test]
async fn without_a_documented_answer_all_are_unknown_and_nobody_is_shown() {
    let (a, b) = (phone(), mehmet());
    let two = [sms(&a), Sms { text: MEHMET, ..sms(&b) }];
    let leak = "5339999999 Mehmet Bey, ödemeniz alındı. 905321234567";
    let shown = format!(r#"{{"code":"70","jobid":null,"description":"{leak}"}}"#);
    for then in [
        Then::Close,
        Then::Hang,
        says(500, "<html>"),
        says(200, "<html>"),
        says(406, r#"{"code":"20","jobid":"17"}"#),
        says(406, r#"{"code":"71","jobid":null}"#),
    ] {
        let (outcome, _peer) = job(&two, then).await;
        assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
        assert_eq!(of_member(&outcome, 2), outcome);
    }
    let (outcome, _peer) = job(&two, says(406, &shown)).await;
    let member = of_member(&outcome, 2);
    let Outcome::Failed(FailedKind::Retry { after: None }, trouble) = &member else {
        panic!("{member:?}")
    };
    assert_eq!(trouble.code, JOB_REFUSED);
    assert!(trouble.detail.starts_with("netgsm:70 for a job of 2 messages"), "{}", trouble.detail);
    let said = format!("{member:?}");
    for secret in ["Mehmet", "ödemeniz", "5339999999", "5321234567"] {
        assert!(!said.contains(secret), "{said}");
    }
}

/// Each code of the table: what a job's answer means for a member is what it means alone, but that a refusal is nobody's in particular.
#[test]
fn a_member_is_told_what_the_table_says_and_never_more() {
    for row in Codes::embedded().unwrap().rows(Operation::Send) {
        let job = send_said(406, &format!(r#"{{"code":"{}","jobid":null}}"#, row.code));
        assert_eq!(of_member(&job, 1), job, "alone");
        let member = of_member(&job, 7);
        match &job {
            Outcome::Refused(_) => {
                assert_eq!(row.class, Class::Refused);
                assert!(matches!(&member, Outcome::Failed(FailedKind::Retry { .. }, _)));
            }
            other => assert_eq!(&member, other),
        }
    }
}
