//! İYS through Netgsm: `/iys/add` and `/iys/search` (facts A7). Success is `"0"` here, not `"00"`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{MINUTE_MS, shaped};
use crate::iys::{self, Channel, ConsentKey, ConsentUpload};
use crate::lock::locked;
use crate::reply::Reply;
use crate::request::Request;
use crate::script::{Consent, NetgsmAccount};
use crate::world::{Prepared, World};

/// Most records of an upload (facts A7, second-hand).
const MOST_RECORDS: usize = 500;

#[derive(Deserialize)]
struct Envelope {
    header: Header,
    body: Body,
}

#[derive(Deserialize)]
struct Header {
    username: String,
    password: String,
    #[serde(rename = "brandCode")]
    brand_code: Value,
}

#[derive(Deserialize)]
struct Body {
    data: Vec<Value>,
}

/// A code instead of success.
type Refusal = &'static str;

/// Netgsm's refusal: a number for a code, and words.
pub(super) fn refuse(prepared: &Prepared, code: &str) -> Reply {
    shaped(prepared.script.netgsm.iys_errors, code, &refusal(code))
}

fn refusal(code: &str) -> Value {
    let number = code.parse::<u64>().map_or_else(|_| json!(code), |number| json!(number));
    json!({ "code": number, "error": words(code) })
}

/// Words of the two codes that the official client's README shows, and of what the REST codes mean.
fn words(code: &str) -> &'static str {
    match code {
        "30" => "Kullanıcı adı ya da şifre hatalı.",
        "50" => "Kayıt Bulunamadı.",
        "51" => "Marka kodu bulunamadı.",
        "70" => "Hatalı JSON formatı.",
        "80" => "Sorgulama sınır aşımı.",
        _ => "Sistem hatası.",
    }
}

/// Brand and records of a request that may be worked on: credentials, then the minute's limit, then the brand.
fn open(
    world: &World,
    prepared: &Prepared,
    request: &Request,
) -> Result<(String, Vec<Value>), Refusal> {
    let envelope: Envelope = serde_json::from_slice(&request.body).map_err(|_| "70")?;
    let header = envelope.header;
    let account = prepared.account(&header.username, &header.password).ok_or("30")?;
    if !admit(world, prepared, account, request.now_ms) {
        return Err("80");
    }
    let brand = match header.brand_code {
        Value::String(text) => text,
        other => other.to_string(),
    };
    // An account without İYS has no brand either; code 50 would say "no record" here.
    if !account.iys || account.brand_code.as_ref() != Some(&brand) {
        return Err("51");
    }
    if envelope.body.data.is_empty() || envelope.body.data.len() > MOST_RECORDS {
        return Err("70");
    }
    Ok((brand, envelope.body.data))
}

/// Counts a call of the account against its minute (facts A7: 10, second-hand); both calls together.
fn admit(world: &World, prepared: &Prepared, account: &NetgsmAccount, now_ms: i64) -> bool {
    let limit = prepared.script.netgsm.iys_requests_per_minute;
    locked(&world.netgsm).of(account).iys.admit(now_ms, MINUTE_MS, limit, 1)
}

/// `POST /iys/add`: the answer is only a receipt; what becomes of a record shows in a search.
pub(super) fn add(world: &World, prepared: &Prepared, request: &Request) -> Reply {
    let (brand, data) = match open(world, prepared, request) {
        Ok(opened) => opened,
        Err(code) => return refuse(prepared, code),
    };
    let mut uploads = Vec::with_capacity(data.len());
    let mut wrong = Vec::new();
    for item in data {
        let recipient = item.get("recipient").cloned();
        match upload(item, request.now_ms) {
            Some(upload) => uploads.push(upload),
            None => wrong.push(json!({ "recipient": recipient })),
        }
    }
    if !wrong.is_empty() {
        let mut body = refusal("70");
        body["erroritem"] = json!(wrong);
        return shaped(prepared.script.netgsm.iys_errors, "70", &body);
    }
    let mut state = locked(&world.iys);
    for upload in uploads {
        // A business rule that refuses (H174, H175 …) is told by webhook only.
        let _ = state.store(&brand, upload, request.now_ms);
    }
    let uid = state.new_uuid();
    Reply::json(200, "0", &json!({ "code": "0", "error": "false", "uid": uid }))
}

/// One record of an upload; all six fields are required, also where İYS itself would do without (facts A7).
fn upload(mut item: Value, now_ms: i64) -> Option<ConsentUpload> {
    let fields = item.as_object_mut()?;
    // Netgsm's own fields, which İYS would refuse as unknown.
    for own in ["refid", "appkey", "retailerCode", "retailerAccess"] {
        fields.remove(own);
    }
    let required = ["type", "source", "recipient", "status", "consentDate", "recipientType"];
    if !required.iter().all(|name| fields.get(*name).is_some_and(Value::is_string)) {
        return None;
    }
    ConsentUpload::read(&item, now_ms).ok()
}

/// `POST /iys/search`: the consent of one address. Without a record: 50.
pub(super) fn search(world: &World, prepared: &Prepared, request: &Request) -> Reply {
    let key =
        open(world, prepared, request).and_then(|(brand, data)| key(brand, &data).ok_or("70"));
    let key = match key {
        Ok(key) => key,
        Err(code) => return refuse(prepared, code),
    };
    match locked(&world.iys).find(&key) {
        Some(record) if record.status != Consent::None => {
            let mut query = record.to_json(&key);
            query["retailerAccessCount"] = json!(0);
            Reply::json(200, "0", &json!({ "code": "0", "error": "false", "query": query }))
        }
        _ => refuse(prepared, "50"),
    }
}

/// What a search asks for: exactly one address, because the answer has one `query` (facts A7).
fn key(brand: String, data: &[Value]) -> Option<ConsentKey> {
    let [item] = data else { return None };
    let field = |name: &str| item.get(name)?.as_str();
    let channel = Channel::parse(field("type")?)?;
    let tacir = match field("recipientType")? {
        "BIREYSEL" => false,
        "TACIR" => true,
        _ => return None,
    };
    let recipient = field("recipient")?;
    iys::fits(channel, recipient).ok()?;
    Some(ConsentKey { brand, tacir, channel, recipient: iys::normal(recipient) })
}
