//! A new event type is a JSON Schema and a folder of texts: the processes find both in `types.folder`, declare its
//! queue, hold its events to it, and send them.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::harness::services::folder;
use crate::harness::{Event, Installation, Options, reminder};

const TYPE: &str = "klinik.order-ready.v1";

const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "klinik.order-ready.v1",
  "description": "What a patient ordered can be fetched.",
  "type": "object", "required": ["recipient", "order"], "additionalProperties": false,
  "properties": {
    "recipient": { "$ref": "../parts.json#/$defs/recipient" },
    "order": {
      "type": "object", "required": ["id", "keep_until_at", "fee", "currency"],
      "additionalProperties": false,
      "properties": {
        "id": { "$ref": "../parts.json#/$defs/identifier" },
        "keep_until_at": { "$ref": "../parts.json#/$defs/instant" },
        "fee": { "type": "string", "pattern": "^[0-9]{1,6}\\.[0-9]{2}$", "x-ulak-kind": "money" },
        "currency": { "type": "string", "enum": ["TRY"], "x-ulak-kind": "enum" }
      }
    }
  },
  "x-ulak": {
    "class": "normal", "channels": ["sms"], "consent": "required", "quiet_hours": false,
    "expires": { "field": "order.keep_until_at", "plus": "0s" }, "same_as": ["order.id"],
    "min_gap": false, "on_unknown": "stop", "fallback_after": null, "max_segments": 3
  }
}"#;

const TURKISH: &str = "Sayın {{ recipient_name }}, {{ order_id }} numaralı siparişiniz hazır. \
    Ücret: {{ order_fee }}. Son gün: {{ order_keep_until_at_date }}. {{ clinic_name }}";
const ENGLISH: &str = "Dear {{ recipient_name }}, your order {{ order_id }} is ready.";

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, text).expect("written");
}

fn order(id: &str) -> Event {
    reminder(id).without("/data/appointment").set("/type", TYPE).set("/subject", "order").set(
        "/data/order",
        json!({ "id": format!("S-{id}"), "keep_until_at": "2031-05-17T18:00:00+03:00",
                "fee": "1250.50", "currency": "TRY" }),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_event_type_needs_no_rust() {
    let (_kept, types) = folder();
    write(&types.join(format!("events/{TYPE}.json")), SCHEMA);
    write(&types.join("messages/klinik.order-ready/tr/sms.txt"), TURKISH);
    write(&types.join("messages/klinik.order-ready/en/sms.txt"), ENGLISH);
    let options = Options::default().set("ULAK_TYPES__FOLDER", types.display());
    let clinic = Installation::start(options).await;

    // `ulak publish` knows the type too, and what is wrong with an event of it.
    let (good, bad) = (order("good"), order("bad").without("/data/order/fee"));
    clinic.hide(good.national());
    let file = clinic.folder.join("orders.json");
    fs::write(&file, json!([good.json(), bad.json()]).to_string()).expect("written");
    let file = file.to_str().expect("UTF-8");
    let said = clinic.ulak(&["publish", file]).await;
    assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("/data/order/fee"), "{}", said.stdout);
    let said = clinic.ulak(&["publish", "--no-check", file]).await;
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);

    clinic.until_state(&good, "accepted", "").await;
    let messages = clinic.until_accepted(1).await;
    assert_eq!(messages[0].to, good.national());
    assert_eq!(
        messages[0].text,
        "Sayın Ayşe, S-good numaralı siparişiniz hazır. Ücret: 1.250,50 TL. \
         Son gün: 17 Mayıs 2031. Ataşehir Kliniği"
    );
    clinic.until_settled(2).await;
    let dead = clinic.dead_letters().await;
    assert_eq!(
        (&dead[0]["rule"], &dead[0]["path"]),
        (&"required".into(), &"/data/order/fee".into())
    );
    let said = clinic.explain(&good.ntf()).await;
    assert!(said.contains(TYPE) && said.contains("klinik.order-ready/tr/sms"), "{said}");
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_type_without_its_english_text_stops_the_start_and_names_the_file() {
    let (_kept, types) = folder();
    write(&types.join(format!("events/{TYPE}.json")), SCHEMA);
    write(&types.join("messages/klinik.order-ready/tr/sms.txt"), TURKISH);
    let options = Options::default().set("ULAK_TYPES__FOLDER", types.display());
    let mut clinic = Installation::prepare(options).await.launch(0, 0).await;
    let mut worker = clinic.process("worker", &[]);
    let status = worker.ended().await;
    assert!(!status.success());
    let missing = types.join("messages/klinik.order-ready/en/sms.txt").display().to_string();
    assert!(worker.tail().contains(&missing), "{}", worker.tail());
    clinic.gone.push(worker);
    clinic.finish().await;
}
