//! `ulak consent record`, `import` and `check`: what people said is in the registry once, with who wrote it down and why; the later word
//! stands; what a list says wrongly is named by its line; no output holds a number.

use rust_xlsxwriter::Workbook;
use serde_json::Value;
use simulator::{Consent, Script};

use crate::harness::cli::{self, Said};
use crate::harness::{Embedded, Installation, Options, receipt};

/// Numbers of the lists: no output may hold one.
const NUMBERS: [&str; 4] = ["5321112233", "5331112233", "5421112233", "5051112233"];

fn hidden(said: &Said) {
    for text in [&said.stdout, &said.stderr] {
        for number in NUMBERS {
            assert!(!text.contains(number) && !text.contains(&number[3..]), "{text}");
        }
    }
}

/// What a command said, one object a line, whatever its exit code.
fn lines(said: &Said) -> Vec<Value> {
    hidden(said);
    said.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The rows between the head and the sum, as `line fate`.
fn fates(said: &Said) -> Vec<String> {
    let all = lines(said);
    let rows = all.iter().filter(|line| line["fate"].is_string());
    rows.map(|row| format!("{} {}", row["line"], row["fate"].as_str().unwrap_or_default()))
        .collect()
}

async fn check(clinic: &Embedded, number: &str) -> Value {
    let said = clinic.ulak(&["consent", "check", "--clinic", "atasehir", "--phone", number]).await;
    lines(&said).remove(0)
}

fn words(checked: &Value) -> Vec<String> {
    let registry = checked["registry"].as_array().expect("words");
    registry
        .iter()
        .map(|word| {
            format!(
                "{} {}",
                word["channel"].as_str().expect("a channel"),
                word["said"].as_str().expect("a word")
            )
        })
        .collect()
}

/// Two good rows, one that says less than is known by then, one number that cannot be.
fn workbook(clinic: &Embedded) {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    let rows = [
        ["Adı", "Cep Telefonu", "Kanal", "İzin", "Tarih", "Belge No"],
        ["A", "0532 111 22 33", "WhatsApp", "Evet", "02.05.2026", "form-1"],
        ["B", "0533 111 22 33", "hepsi", "Hayır", "02.05.2026 10:30", "form-2"],
        ["C", "0532 111 22 33", "whatsapp", "hayır", "01.05.2026", "form-3"],
        ["D", "0212 111 22 33", "sms", "evet", "01.05.2026", "form-4"],
        ["A", "0532 111 22 33", "WhatsApp", "Evet", "02.05.2026", "form-1"],
        ["E", "0542 111 22 33", "sms", "evet", "01.05.2099", "form-5"],
    ];
    for (row, cells) in (0..).zip(rows) {
        for (column, cell) in (0..).zip(cells) {
            sheet.write(row, column, cell).expect("a cell");
        }
    }
    book.save(clinic.folder.join("izinler.xlsx")).expect("saved");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_written_down_once_and_its_bad_lines_are_named() {
    let clinic = Embedded::start(Script::default(), &[("ULAK_CONSENT__SOURCE", "registry")]).await;
    for number in NUMBERS {
        clinic.hide(number);
    }
    workbook(&clinic);
    let import =
        ["consent", "import", "izinler.xlsx", "--clinic", "atasehir", "--reason", "paper forms"];
    let raw = clinic.raw().await;
    let count = async |table: &'static str| -> i64 {
        sqlx::query_scalar(table).fetch_one(&raw).await.expect("SQL")
    };
    let (words_of, records) = ("SELECT count(*) FROM consent_word", "SELECT count(*) FROM record");

    // a dry run shows everything and does nothing
    let before = count(records).await;
    let dry = clinic.ulak(&import).await;
    let expected =
        ["2 recorded", "3 recorded", "4 older", "5 left-out", "6 repeated", "7 left-out"];
    assert_eq!(
        (dry.code, fates(&dry)),
        (1, expected.map(str::to_owned).to_vec()),
        "{}",
        dry.stderr
    );
    let rules: Vec<Value> = lines(&dry)
        .iter()
        .map(|line| line["rule"].clone())
        .filter(|rule| !rule.is_null())
        .collect();
    assert_eq!(rules, ["phone-landline", "range"]);
    assert_eq!((count(words_of).await, count(records).await), (0, before));

    // then it does what it showed, and a second time nothing
    let done = clinic.ulak(&[&import[..], &["--apply"]].concat()).await;
    assert_eq!((done.code, fates(&done)), (1, fates(&dry)), "{}", done.stderr);
    assert_eq!(count(words_of).await, 3, "one of WhatsApp, one of both");
    let after = count(records).await;
    let again = clinic.ulak(&[&import[..], &["--apply"]].concat()).await;
    let unchanged =
        ["2 unchanged", "3 unchanged", "4 unchanged", "5 left-out", "6 repeated", "7 left-out"];
    assert_eq!(fates(&again), unchanged);
    assert_eq!((count(words_of).await, count(records).await), (3, after));

    // each is told with the line of the list and who imported it
    let known = check(&clinic, "05321112233").await;
    assert_eq!(words(&known), ["sms none", "whatsapp given"], "{known}");
    let word = &known["registry"][1];
    assert_eq!(
        (&word["evidence"], &word["why"]),
        (&"form-1".into(), &"paper forms".into()),
        "{word}"
    );
    let place = word["place"].as_str().expect("a place");
    assert!(place.starts_with("line 2 of izinler.xlsx (sha256 "), "{place}");
    assert!(word["who"].as_str().is_some_and(|who| who.contains('@')), "{word}");
    assert_eq!(known["allows"]["whatsapp"]["required"], true, "{known}");
    assert_eq!(known["allows"]["sms"]["required"], false, "{known}");
    let story = cli::said(
        cli::command(&clinic.config, &clinic.env),
        &["log", "explain", word["fact"].as_str().expect("a fact")],
    )
    .await;
    hidden(&story);
    for told in ["consent given", "whatsapp", "form-1", "paper forms", "line 2 of izinler.xlsx"] {
        assert!(story.stdout.contains(told), "{told}: {}", story.stdout);
    }
    raw.close().await;
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_later_word_stands_and_a_refusal_of_text_messages_is_on_the_list() {
    let clinic = Embedded::start(Script::default(), &[("ULAK_CONSENT__SOURCE", "registry")]).await;
    for number in NUMBERS {
        clinic.hide(number);
    }
    let record = async |channel: &str, status: &str, more: &[&str]| {
        let who = ["consent", "record", "--clinic", "atasehir", "--phone", "0505 111 22 33"];
        let what = ["--channel", channel, status, "--reason", "at the desk"];
        let said = clinic.ulak(&[&who[..], &what[..], more].concat()).await;
        assert_eq!(said.code, 0, "{}", said.stderr);
        lines(&said).remove(0)
    };
    let first = record("all", "--given", &["--at", "2h", "--evidence", "form-9"]).await;
    assert_eq!(first["channels"], serde_json::json!(["sms", "whatsapp"]));
    assert_eq!(record("whatsapp", "--refused", &["--at", "3h"]).await["fate"], "older");
    assert_eq!(words(&check(&clinic, NUMBERS[3]).await), ["sms given", "whatsapp given"]);
    assert_eq!(record("whatsapp", "--refused", &["--at", "1h"]).await["fate"], "recorded");
    let known = check(&clinic, NUMBERS[3]).await;
    assert_eq!(words(&known), ["sms given", "whatsapp refused"]);
    assert_eq!(
        (&known["suppressed"], &known["allows"]["sms"]["required"]),
        (&Value::Null, &true.into())
    );
    assert_eq!(known["allows"]["whatsapp"]["none"], false, "without an opt-in nothing goes");
    assert_eq!(record("sms", "--refused", &[]).await["fate"], "recorded");
    let known = check(&clinic, NUMBERS[3]).await;
    assert_eq!(known["suppressed"], "consent-refused", "{known}");
    assert_eq!(known["allows"]["sms"]["none"], false, "{known}");

    // what cannot be is said without the number
    for (wrong, code) in [
        (&["--phone", "0505 111 22", "--channel", "sms", "--given", "--reason", "x"][..], 1),
        (
            &[
                "--phone",
                "05051112233",
                "--channel",
                "sms",
                "--given",
                "--reason",
                "x",
                "--at",
                "2199-01-01T00:00:00Z",
            ],
            1,
        ),
        (
            &[
                "--phone",
                "05051112233",
                "--channel",
                "sms",
                "--given",
                "--refused",
                "--reason",
                "x",
            ],
            2,
        ),
        (&["--phone", "05051112233", "--channel", "sms", "--reason", "x"], 2),
        (&["--phone", "05051112233", "--channel", "sms", "--given"], 2),
        (&["--phone", "05051112233", "--channel", "fax", "--given", "--reason", "x"], 2),
    ] {
        let said =
            clinic.ulak(&[&["consent", "record", "--clinic", "atasehir"], wrong].concat()).await;
        hidden(&said);
        assert_eq!(said.code, code, "{wrong:?}: {}{}", said.stdout, said.stderr);
    }
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_asks_the_configured_source_and_is_recorded() {
    let clinic = Installation::start(Options::default()).await;
    let (onay, ret, unknown) = (receipt("onay"), receipt("ret"), receipt("unknown"));
    clinic.outside.set_consent(ret.e164(), Consent::Ret).expect("a number");
    clinic.outside.set_consent(unknown.e164(), Consent::None).expect("a number");
    for (event, answer, required, not_refused) in [
        (&onay, "onay", true, true),
        (&ret, "ret", false, false),
        (&unknown, "no-record", false, true),
    ] {
        clinic.hide(event.national());
        let number = event.e164();
        let said =
            clinic.ulak(&["consent", "check", "--clinic", "atasehir", "--phone", number]).await;
        assert!(!said.stdout.contains(event.national()), "{}", said.stdout);
        let known = said.json().remove(0);
        assert_eq!(
            (&known["source"], &known["answer"]),
            (&"iys".into(), &answer.into()),
            "{known}"
        );
        assert_eq!(known["brand"], "100001", "{known}");
        assert_eq!(known["allows"]["sms"]["required"], required, "{known}");
        assert_eq!(known["allows"]["sms"]["not-refused"], not_refused, "{known}");
        assert_eq!(known["allows"]["whatsapp"]["not-refused"], false, "no opt-in: {known}");
    }
    let recorded =
        clinic.number("SELECT count(*) FROM record WHERE kind = 'consent-checked'").await;
    assert_eq!(recorded, 6, "that somebody asks, and what the answer was");
    let offline = ["consent", "check", "--clinic", "atasehir", "--phone", onay.e164(), "--offline"];
    let asked = clinic.outside.requests().len();
    let known = clinic.ulak(&offline).await.json().remove(0);
    assert_eq!((&known["answer"], clinic.outside.requests().len()), (&Value::Null, asked));
    let people = cli::said(cli::command(&clinic.config, &clinic.env), &offline).await;
    assert_eq!(people.code, 0, "{}", people.stderr);
    assert!(
        people.stdout.contains("nothing was ever said") && !people.stdout.contains(onay.national())
    );
    clinic.finish().await;
}
