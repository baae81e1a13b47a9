//! Status callbacks: the signature with all its quirks, and what a callback says (A3, A4).

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use sha1::Sha1;

use super::super::signature::{decoded, matches};
use super::*;
use crate::receipt::{Delivery, Remedy, advances};
use crate::webhook::HookTrouble;

/// Key of the vectors.
const TOKEN: &str = "12345";
const U: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
const BODY: &[u8] = br#"{"property": "value", "boolean": true}"#;
const DIGEST: &str = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
const EMPTY: &str = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

fn hook() -> Hook {
    Hook::new(TOKEN.into()).unwrap()
}

fn p() -> Vec<(String, String)> {
    pairs(&[
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+14158675309"),
        ("Digits", "1234"),
        ("From", "+14158675309"),
        ("To", "+18005551212"),
    ])
}

fn and(more: &[(&str, &str)]) -> Vec<(String, String)> {
    [p(), pairs(more)].concat()
}

fn encoded(fields: &[(String, String)]) -> Vec<u8> {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes()
}

/// Computed apart from the hook.
fn signed(url: &str, fields: &[(String, String)]) -> String {
    let mut fields = fields.to_vec();
    fields.sort();
    fields.dedup();
    let mut mac = Hmac::<Sha1>::new_from_slice(TOKEN.as_bytes()).unwrap();
    mac.update(url.as_bytes());
    for (name, value) in fields {
        mac.update(format!("{name}{value}").as_bytes());
    }
    BASE64.encode(&mac.finalize().into_bytes())
}

/// The vectors of A4, by their number there; the URL is the one a gateway would know.
#[test]
fn all_form_vectors_of_the_facts_pass() {
    let (ac, sm) = (format!("AC{}", "b".repeat(32)), format!("SM{}", "a".repeat(32)));
    let sm_c = format!("SM{}", "c".repeat(32));
    let with_port = |port: &str| U.replace(".com", &format!(".com:{port}"));
    let http = |port: &str| with_port(port).replace("https", "http");
    let inbound = pairs(&[
        ("MessageSid", &sm),
        ("AccountSid", &ac),
        ("From", "whatsapp:+905321112233"),
        ("To", "whatsapp:+908501112233"),
        ("Body", "İptal etmek istiyorum ğüşöç + 5₺"),
        ("NumMedia", "0"),
        ("ProfileName", "Ayşe Yılmaz"),
        ("WaId", "905321112233"),
    ]);
    let status = pairs(&[
        ("AccountSid", &ac),
        ("ApiVersion", "2010-04-01"),
        ("From", "KLINIK"),
        ("To", "+905321112233"),
        ("MessageSid", &sm_c),
        ("SmsSid", &sm_c),
        ("MessageStatus", "undelivered"),
        ("SmsStatus", "undelivered"),
        ("ErrorCode", "30003"),
        ("RawDlrDoneDate", "2601151230"),
    ]);
    let digits = |values: &[&str]| {
        let mut all = vec![("Sid", "CA123"), ("SidAccount", "AC123")];
        all.extend(values.iter().map(|value| ("Digits", *value)));
        pairs(&all)
    };
    let binding = [
        ("MessagingBinding.Address", "+1325xxxxxxx"),
        ("MessagingBinding.Address", "+1415xxxxxxx"),
    ];
    let prefixes = and(&[("Reason", "Participant"), ("ReasonConferenceEnded", "test")]);
    let user = U.replace("https://", "https://user:pass@");
    for (number, url, params, signature) in [
        (1, U.to_owned(), p(), "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (2, with_port("443"), p(), "kvajT1Ptam85bY51eRf/AJRuM3w="),
        (3, http("80"), p(), "0ZXoZLH/DfblKGATFgpif+LLRf4="),
        (4, http("1234"), p(), "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
        (5, U.to_owned(), digits(&["5678", "1234", "1234"]), "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
        (6, U.to_owned(), pairs(&binding), "83O6e2vORAoJHUNzJjDWN1jz+BA="),
        (7, U.to_owned(), prefixes, "vOEb5UThFn24KEfnOFLQY2AE5FY="),
        (11, format!("{U}&Body=It's+amazing"), p(), "TfZzewPq8wqrGlMfyAud8+/IvJ0="),
        (11, format!("{U}&Body=It%27s+amazing"), p(), "TfZzewPq8wqrGlMfyAud8+/IvJ0="),
        (12, user, p(), "CukzLTc1tT5dXEDIHm/tKBanW10="),
        (
            13,
            U.to_owned(),
            pairs(&[("property", "value"), ("boolean", "true")]),
            "NBdBDr/T/lgjI+tlgpXjKZQZs/k=",
        ),
        (
            14,
            "https://hooks.example.com/v1/twilio/inbound?t=klinik-7".to_owned(),
            inbound,
            "8wEXbNuW022GSmiD39Y8V5mDZFE=",
        ),
        (
            15,
            "https://hooks.example.com/v1/twilio/status".to_owned(),
            status,
            "d5dEcRVxwRka8McdYS3NRxigauo=",
        ),
    ] {
        // in any order of the form, and with a fragment that is not signed
        let mut turned = params.clone();
        turned.reverse();
        for (url, params) in [(url.clone(), &params), (format!("{url}#rc=5&rp=all"), &turned)] {
            let form = hook().form(&url, &encoded(params), Some(signature));
            assert!(form.is_ok(), "vector {number}: {url}");
            let other = hook().form(&url, &encoded(&and(&[("x", "y")])), Some(signature));
            assert_eq!(other, Err(HookTrouble::Forged), "vector {number}");
        }
    }
}

#[test]
fn the_json_vectors_of_the_facts_pass() {
    let bare = "https://mycompany.com/myapp.php";
    for (number, url, body, signature) in [
        (8, format!("{U}&bodySHA256={DIGEST}"), BODY, "a9nBmqA0ju/hNViExpshrM61xv4="),
        (9, format!("{bare}?bodySHA256={DIGEST}"), BODY, "y77kIzt2vzLz71DgmJGsen2scGs="),
        (10, format!("{U}&bodySHA256={EMPTY}"), b"{}", "Ldidvp12m26NI7eqEvxnEpkd9Hc="),
    ] {
        assert_eq!(hook().json(&url, body, Some(signature)), Ok(()), "vector {number}");
        assert_eq!(hook().json(&url, b"{ }", Some(signature)), Err(HookTrouble::Forged));
        let other = url.replace("foo=1", "foo=2").replace("myapp", "app");
        assert_eq!(hook().json(&other, body, Some(signature)), Err(HookTrouble::Forged));
    }
    // signed, but without a digest nothing vouches for the body
    assert_eq!(hook().json(U, BODY, Some(&signed(U, &[]))), Err(HookTrouble::Forged));
    assert_eq!(hook().url(U, Some(&signed(U, &[]))), Ok(()));
}

#[test]
fn the_port_and_the_writing_of_the_query_do_not_matter_and_everything_else_does() {
    let base = "https://u:p@k.example/v1/hook?m=ntf_a-1&b=It's a";
    let port = "https://u:p@k.example:443/v1/hook?m=ntf_a-1&b=It's a";
    for ours in [base, port] {
        for theirs in [base, port] {
            assert!(hook().form(ours, &encoded(&p()), Some(&signed(theirs, &p()))).is_ok());
        }
        let whatwg = "https://u:p@k.example/v1/hook?m=ntf_a-1&b=It%27s%20a";
        let legacy = "https://u:p@k.example/v1/hook?m=ntf_a-1&b=It's%20a";
        for theirs in [whatwg, legacy, &legacy.replace("example/", "example:443/")] {
            assert!(
                hook().form(ours, &encoded(&p()), Some(&signed(theirs, &p()))).is_ok(),
                "{ours} {theirs}"
            );
        }
        for theirs in [
            base.replace("https", "http"),
            base.replace("k.example", "k.example:444"),
            base.replace("k.example", "K.example"),
            base.replace("u:p@", ""),
            base.replace("hook", "hooks"),
            base.replace("a-1", "a-2"),
        ] {
            let forged = hook().form(ours, &encoded(&p()), Some(&signed(&theirs, &p())));
            assert_eq!(forged, Err(HookTrouble::Forged), "{theirs}");
        }
    }
    let six = "https://[::1]:8443/x";
    assert!(hook().url("https://[::1]:8443/x", Some(&signed("https://[::1]/x", &[]))).is_ok());
    assert!(hook().url("https://[::1]/x", Some(&signed("https://[::1]:443/x", &[]))).is_ok());
    assert!(hook().url(six, Some(&signed(six, &[]))).is_ok());
    // no URL at all: as it came
    assert!(hook().url("nonsense", Some(&signed("nonsense", &[]))).is_ok());
}

#[test]
fn what_is_not_signed_or_too_large_is_not_read() {
    for missing in
        [None, Some(""), Some("x"), Some("RSOYDt4T1cUTdK1PDd93/VVr8B8"), Some(&"A".repeat(28))]
    {
        assert_eq!(
            hook().form(U, &encoded(&p()), missing),
            Err(HookTrouble::Unsigned),
            "{missing:?}"
        );
    }
    let many: Vec<_> = (0..10_000).map(|n| (format!("f{n}"), String::new())).collect();
    let signature = signed(U, &many);
    assert_eq!(hook().form(U, &encoded(&many), Some(&signature)), Err(HookTrouble::TooLarge));
    let most: Vec<_> = many[..MOST_FIELDS].to_vec();
    assert!(hook().form(U, &encoded(&most), Some(&signed(U, &most))).is_ok());
    let huge = vec![b'a'; 10 * 1024 * 1024];
    assert_eq!(hook().form(U, &huge, Some(&signature)), Err(HookTrouble::TooLarge));
    let long = format!("{U}{}", "a".repeat(9_000));
    assert_eq!(hook().url(&long, Some(&signed(&long, &[]))), Err(HookTrouble::TooLarge));
    assert!(Hook::new("".into()).is_err());
    let form = hook().form(U, &encoded(&p()), Some(&signed(U, &p()))).unwrap();
    assert_eq!(form.get("Digits"), Some("1234"));
    let shown = format!("{form:?} {:?}", hook());
    assert!(!shown.contains("1415") && !shown.contains(TOKEN), "{shown}");
}

/// A callback as Twilio posts it for WhatsApp (A3), with changes; an empty value takes the field out.
fn told(changes: &[(&str, &str)]) -> Option<StatusCallback> {
    let mut fields = pairs(&[
        ("EventType", "DELIVERED"),
        ("SmsSid", SM),
        ("SmsStatus", "delivered"),
        ("MessageStatus", "delivered"),
        ("ChannelToAddress", "+905321234567"),
        ("To", "whatsapp:+905321234567"),
        ("ChannelPrefix", "whatsapp"),
        ("MessageSid", SM),
        ("AccountSid", AC),
        ("From", "whatsapp:+908501112233"),
        ("ApiVersion", "2010-04-01"),
        ("SomethingNew", "x"),
    ]);
    for (name, value) in changes {
        fields.retain(|(field, _)| field != name);
        if !value.is_empty() {
            fields.extend(pairs(&[(name, value)]));
        }
    }
    let url = "https://k.example/v1/webhooks/twilio/status/tok?m=ntf_abc-2#rc=5";
    let signature = signed(url.split('#').next().unwrap(), &fields);
    hook().status(url, &encoded(&fields), Some(&signature)).unwrap()
}

#[test]
fn every_state_becomes_its_delivery_and_the_reference_comes_from_the_address() {
    for (word, delivery) in [
        ("queued", Some(Delivery::Queued)),
        ("accepted", Some(Delivery::Queued)),
        ("scheduled", Some(Delivery::Queued)),
        ("sending", Some(Delivery::Queued)),
        ("sent", Some(Delivery::Sent)),
        ("delivered", Some(Delivery::Delivered)),
        ("partially_delivered", Some(Delivery::Delivered)),
        ("READ", Some(Delivery::Read)),
        ("dreaming", None),
    ] {
        let callback = told(&[("MessageStatus", word)]).unwrap();
        assert_eq!(callback.account_sid, AC);
        let receipt = callback.receipt;
        assert_eq!((&receipt.delivery, receipt.word.as_str()), (&delivery, word));
        assert_eq!((receipt.provider_ref.as_str(), receipt.at), (SM, None));
        assert_eq!(receipt.reference.as_deref(), Some("ntf_abc-2"));
    }
    // the older names alone
    let old = told(&[("MessageStatus", ""), ("MessageSid", "")]).unwrap();
    assert_eq!(old.receipt.delivery, Some(Delivery::Delivered));
    for none in [
        &[("MessageStatus", "received")][..],
        &[("MessageStatus", ""), ("SmsStatus", "")],
        &[("MessageSid", "SM1")],
        &[("AccountSid", "")],
    ] {
        assert_eq!(told(none), None, "{none:?}");
    }
    let shown = format!("{:?}", told(&[("ErrorMessage", "to +905321234567")]));
    assert_no_secret(&shown.replace(AC, "AC"));
}

/// The order of A3: accepted and queued below sent, sent below the ends, read above them.
#[test]
fn the_states_rise_as_the_facts_order_them() {
    let delivery = |word: &str| told(&[("MessageStatus", word)]).unwrap().receipt.delivery.unwrap();
    let rank = |word: &str| delivery(word).rank();
    assert!(rank("accepted") <= rank("queued") && rank("queued") <= rank("sending"));
    assert!(rank("sending") < rank("sent") && rank("sent") < rank("delivered"));
    for end in ["undelivered", "failed", "canceled", "partially_delivered"] {
        assert_eq!(rank(end), rank("delivered"), "{end}");
        assert!(!advances(Some(&delivery("delivered")), &delivery(end)), "{end}");
        assert!(advances(Some(&delivery(end)), &delivery("read")), "{end}");
    }
}

#[test]
fn an_end_without_arrival_says_what_may_be_done() {
    use Remedy::{NextChannel, Stop, Unclear};
    for (word, code, remedy, bad_number) in [
        ("undelivered", "63003", NextChannel, true),
        ("failed", "63003", NextChannel, true),
        ("failed", "63024", NextChannel, true),
        ("failed", "63016", NextChannel, false),
        ("failed", "63041", NextChannel, false),
        ("undelivered", "63014", Stop, false),
        // found in no source: definite all the same, it is a code of the channel
        ("failed", "63049", NextChannel, false),
        ("undelivered", "30003", NextChannel, false),
        ("undelivered", "30005", Stop, true),
        ("undelivered", "30006", NextChannel, true),
        ("failed", "30036", NextChannel, false),
        ("failed", "30410", Unclear, false),
        ("failed", "30999", Unclear, false),
        ("undelivered", "30999", NextChannel, false),
        ("failed", "", Unclear, false),
        ("undelivered", "x", NextChannel, false),
        ("canceled", "", Stop, false),
    ] {
        let callback = told(&[("MessageStatus", word), ("ErrorCode", code)]).unwrap();
        let delivery = callback.receipt.delivery.unwrap();
        let failure = delivery.failure().unwrap();
        assert_eq!((failure.remedy, failure.bad_number), (remedy, bad_number), "{word} {code}");
        let undelivered = matches!(delivery, Delivery::Undelivered(_));
        assert_eq!(undelivered, word == "undelivered");
    }
    let locked = told(&[("MessageStatus", "failed"), ("ErrorCode", "63051")]).unwrap();
    let lane = locked.receipt.delivery.unwrap().failure().unwrap().lane;
    assert_eq!(lane, Some(LaneTrouble::Account));
}

/// Every code, in a callback, as its class says.
#[test]
fn every_code_after_acceptance_has_the_remedy_of_its_row() {
    let codes = Codes::embedded().unwrap();
    for row in codes.rows() {
        let code = row.code.to_string();
        let callback = told(&[("MessageStatus", "failed"), ("ErrorCode", &code)]).unwrap();
        let delivery = callback.receipt.delivery.unwrap();
        let failure = delivery.failure().unwrap();
        assert_eq!((failure.remedy, failure.lane), (row.remedy(), row.class.lane()), "{row:?}");
        assert_eq!(failure.code, format!("twilio:{code}"));
        let certain = !matches!(row.class, Class::Unknown | Class::Nothing);
        assert_eq!(failure.remedy == Remedy::Unclear, !certain, "{row:?}");
    }
}

proptest! {
    #[test]
    fn no_request_makes_it_panic_and_no_other_signature_opens_it(
        url in prop_oneof!["https?://(\\PC{0,8}@)?[a-z:.\\[\\]0-9]{0,12}[/?#]?\\PC{0,30}", "\\PC{0,40}"],
        body in proptest::collection::vec(any::<u8>(), 0..200),
        flipped in 0_usize..20,
    ) {
        let fields: Vec<_> = form_urlencoded::parse(&body).into_owned().collect();
        let good = signed(url.split('#').next().unwrap(), &fields);
        prop_assert!(hook().form(&url, &body, Some(&good)).is_ok());
        let _ = hook().status(&url, &body, Some(&good));
        let mut bytes = decoded(&good).unwrap();
        bytes[flipped] ^= 1;
        prop_assert!(!matches(TOKEN, &url, &fields, &bytes));
        let wrong = BASE64.encode(&bytes);
        prop_assert_eq!(hook().form(&url, &body, Some(&wrong)), Err(HookTrouble::Forged));
    }
}
