//! Every reason, state and record has its words in both languages.

use ledger::facts::WordBy;
use ledger::record::WordEvidence;

use super::*;

/// Every reason that worker, scheduler and ledger write.
const REASONS: [&str; 60] = [
    "quiet-hours",
    "lane-closed",
    "lane-closed: credentials",
    "consent-silent",
    "consent-later",
    "consent-not-asked",
    "retry",
    "failover: netgsm:100",
    "rate",
    "no-route",
    "contended",
    "number-busy",
    "another-reminder-in-flight",
    "same-thing-in-flight",
    "same-thing-waiting",
    "returned by the broker",
    "replayed",
    "taken in after a refusal",
    "no-consent",
    "no-opt-in",
    "suppressed: asked us to stop",
    "duplicate of ntf_aaaaaaaaaaaaaaaaaaaaaaaaaa",
    "too soon after ntf_aaaaaaaaaaaaaaaaaaaaaaaaaa",
    "superseded by ntf_aaaaaaaaaaaaaaaaaaaaaaaaaa",
    "appointment-past",
    "too-late",
    "too-late-after-failures",
    "quiet-hours-until-too-late",
    "appointment-cancelled",
    "stopped-by-operator",
    "appointment-moved",
    "superseded-by-newer-version",
    "plan",
    "new",
    "appointment-stands",
    "appointment-cancelled-again",
    "template: too-long",
    "crash-loop",
    "handler-panic",
    "its body is missing",
    "its body no longer fits the schema: unknown-field",
    "its clinic or type is not configured",
    "lease-ran-out",
    "accepted-before",
    "next-channel: whatsapp:131026",
    "no-next-channel: cancelled (appointment-cancelled)",
    "resend",
    "found: delivered",
    "absent, and its type is not sent again",
    "absent, and too late to be sent again",
    "absent, and it was sent again once before",
    "ambiguous: it may be another message",
    "no later message of the account to compare with",
    "the provider does not show a later message yet",
    "a message is there that may be it or another one",
    "no answer: netgsm:80",
    "its account is not configured any more",
    "its provider cannot be asked",
    "its number and text cannot be opened any more",
    "nobody could look for it",
];

fn sent_abroad() -> Entry {
    Entry::Claimed {
        attempt: 4,
        channel: "sms".to_owned(),
        lane: "twilio/default/+13185550100".to_owned(),
        template: "appointment-reminder/tr/sms".to_owned(),
        template_version: "0011223344556677".to_owned(),
        encoding: "ucs2".to_owned(),
        segments: 2,
        text: "sealed".to_owned(),
        consent: ConsentEvidence {
            rule: "none".to_owned(),
            rule_version: None,
            rule_from: "type".to_owned(),
            basis: None,
            source: None,
            brand: None,
            asked_at: None,
            request_id: None,
            answer: None,
            word: None,
            opt_in: None,
        },
        starts_at: 0,
        stops_at: 0,
        instead: Some("failover: netgsm/default/KLINIK".to_owned()),
        transfer_basis: Some("explicit consent on the form".to_owned()),
    }
}

fn said_at_the_desk() -> Entry {
    Entry::ConsentSaid {
        channels: vec!["whatsapp".to_owned()],
        said: "given".to_owned(),
        said_at: 0,
        evidence: Some("front-desk-7".to_owned()),
        by: Some(WordBy {
            who: "ayse@m".to_owned(),
            why: "paper form".to_owned(),
            place: Some("line 12 of list.csv".to_owned()),
        }),
    }
}

#[test]
fn what_the_registry_said_is_told_with_its_fact_in_both_languages() {
    let known = |said: &str, fact: Option<&str>| ConsentEvidence {
        opt_in: Some(WordEvidence {
            channel: "whatsapp".to_owned(),
            said: said.to_owned(),
            said_at: fact.map(|_| 0),
            fact: fact.map(str::to_owned),
        }),
        word: None,
        rule: "none".to_owned(),
        rule_version: None,
        rule_from: "type".to_owned(),
        basis: None,
        source: None,
        brand: None,
        asked_at: None,
        request_id: None,
        answer: None,
    };
    for tongue in [Tongue::En, Tongue::Tr] {
        let given = consent(tongue, &known("given", Some("fct_a")));
        assert!(given.contains("fct_a") && given.contains("1970-01-01 02:00:00"), "{given}");
        assert_ne!(given, consent(tongue, &known("refused", Some("fct_a"))));
        assert_ne!(given, consent(tongue, &known("none", None)));
    }
}

#[test]
fn an_answer_leaves_a_code_out_that_its_meaning_says_in_words() {
    let row = |state, why: &str| Listed {
        ntf: String::new(),
        clinic: String::new(),
        event_type: String::new(),
        event_id: String::new(),
        state,
        why: why.to_owned(),
        attempts: 0,
        created_at: 0,
        changed_at: 0,
        due_at: None,
        lane: None,
        subject: None,
        expires_at: 0,
        fence: 0,
    };
    for (tongue, state, why, said) in [
        (Tongue::Tr, State::Cancelled, "appointment-cancelled", "Gönderilmedi: iptal edildi."),
        (Tongue::Tr, State::Suppressed, "duplicate of ntf_a", "Gönderilmedi: engellendi."),
        (Tongue::En, State::Suppressed, "duplicate of ntf_a", "Not sent."),
        (Tongue::En, State::Expired, "too-late", "Not sent: its time had passed."),
        (Tongue::En, State::Refused, "netgsm:70", "Not sent: the provider refused it (netgsm:70)."),
    ] {
        assert_eq!(answer(tongue, &row(state, why)), said);
    }
}

#[test]
fn every_reason_has_a_meaning_in_both_languages() {
    for why in REASONS {
        for tongue in [Tongue::En, Tongue::Tr] {
            let meaning = meaning(tongue, why);
            assert!(meaning.is_some_and(|m| !m.is_empty()), "{why} in {tongue:?}");
        }
    }
    assert_eq!(meaning(Tongue::En, "netgsm:20"), None);
}

#[test]
fn every_state_has_a_verdict_of_its_own_in_both_languages() {
    for verdict in [english::verdict, turkish::verdict] {
        let mut said: Vec<String> =
            State::ALL.iter().map(|state| verdict(*state, "because")).collect();
        said.sort();
        said.dedup();
        assert_eq!(said.len(), State::ALL.len());
    }
}

#[test]
fn what_became_of_a_fact_is_told_in_both_languages() {
    for (state, why) in
        [("applied", ""), ("stale", "older"), ("stale", "cancelled"), ("stale", "known")]
    {
        let said = [Tongue::En, Tongue::Tr].map(|tongue| fact_verdict(tongue, state, why));
        assert_ne!(said[0], said[1]);
        assert!(why.is_empty() || !said[1].contains(why), "{said:?}");
    }
    let skipped = |why: &str| Planned {
        rule: "24h".to_owned(),
        ntf: None,
        at: None,
        wall: None,
        skipped: Some(why.to_owned()),
    };
    for why in
        ["too-late", "quiet-hours", "too-close", "appointment-past", "sent-before", "nobody-known"]
    {
        for tongue in [Tongue::En, Tongue::Tr] {
            let said = planned(tongue, &skipped(why));
            assert!(said.starts_with("24h: ") && !said.contains(why), "{said}");
        }
    }
    let made = Planned {
        ntf: Some("ntf_a".to_owned()),
        at: Some(0),
        wall: Some("1970-01-01T02:00:00 Europe/Istanbul".to_owned()),
        skipped: None,
        ..skipped("")
    };
    for tongue in [Tongue::En, Tongue::Tr] {
        let said = planned(tongue, &made);
        assert!(said.contains("ntf_a") && said.contains("Europe/Istanbul"), "{said}");
    }
}

#[test]
fn every_record_is_told_in_both_languages_with_its_facts() {
    let entries = [
        (Entry::Released { n: 41, facts_not_current: false }, "41"),
        (Entry::Duplicate { via: "queue-x".to_owned() }, "queue-x"),
        (Entry::SentTwice { attempt: 41 }, "41"),
        (Entry::Replayed { who: "ayse@m".to_owned(), why: "mended".to_owned() }, "ayse@m"),
        (
            Entry::NotFound {
                attempt: 41,
                resend: false,
                absent: false,
                why: "gave up looking".to_owned(),
                then: None,
            },
            "41",
        ),
        (
            Entry::Looked {
                attempt: 41,
                saw: "nothing".to_owned(),
                why: "no answer: netgsm:80".to_owned(),
                absences: 2,
            },
            "41",
        ),
        (
            Entry::Looked {
                attempt: 1,
                saw: "nothing".to_owned(),
                why: "no answer: netgsm:80".to_owned(),
                absences: 0,
            },
            "netgsm:80",
        ),
        (
            Entry::NotFound {
                attempt: 41,
                resend: true,
                absent: true,
                why: "absent".to_owned(),
                then: None,
            },
            "41",
        ),
        (
            Entry::Access {
                who: "token t41 (denetim)".to_owned(),
                token: None,
                role: None,
                what: AccessKind::Opened {
                    reason: "complaint 2026/114".to_owned(),
                    fields: vec!["text".to_owned()],
                },
            },
            "complaint 2026/114",
        ),
        (said_at_the_desk(), "front-desk-7"),
        (said_at_the_desk(), "line 12 of list.csv"),
        (
            Entry::ConsentChecked {
                who: "ayse@m".to_owned(),
                person: None,
                source: "iys".to_owned(),
                answer: "not-listed".to_owned(),
            },
            "not-listed",
        ),
        (sent_abroad(), "twilio/default/+13185550100"),
        (sent_abroad(), "failover: netgsm/default/KLINIK"),
        (sent_abroad(), "explicit consent on the form"),
        (
            Entry::Outcome {
                attempt: 1,
                outcome: "failed".to_owned(),
                code: "http:503".to_owned(),
                detail: "busy".to_owned(),
                provider_ref: None,
                late: true,
                then: State::Waiting,
            },
            "http:503",
        ),
    ];
    for (entry, fact) in &entries {
        let (english, turkish) = (english::sentence(entry), turkish::sentence(entry));
        assert!(english.contains(fact) && turkish.contains(fact), "{english} / {turkish}");
        assert_ne!(english, turkish);
    }
}

#[test]
fn a_reason_on_its_own_begins_large_and_ends() {
    assert_eq!(begun(Tongue::Tr, "iletisi iptal"), "İletisi iptal");
    assert_eq!(begun(Tongue::Tr, "ılık"), "Ilık");
    assert_eq!(begun(Tongue::En, "it waits"), "It waits");
    assert_eq!(begun(Tongue::En, ""), "");
    for tongue in [Tongue::Tr, Tongue::En] {
        for why in REASONS {
            let said = because(tongue, why).unwrap();
            assert!(!said.starts_with(char::is_lowercase) && said.ends_with('.'), "{said}");
            assert!(!said.ends_with("..") && !said.ends_with("?."), "{said}");
        }
    }
}
