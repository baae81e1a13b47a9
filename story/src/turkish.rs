//! The story in Turkish. Nothing that varies takes a suffix.

mod reasons;

pub(crate) use reasons::meaning;

use ledger::access::AccessKind;
use ledger::lanes::LaneState;
use ledger::record::{ConsentEvidence, Entry, Planned, WordEvidence};
use ledger::state::State;

use crate::delivery::{self, goes_on};
use crate::local;
use crate::words::{Frame, NO_LANE, Situation, is_proven_absent, named, place};

pub(crate) const FRAME: Frame = Frame {
    clinic: "klinik",
    event: "olay",
    unknown: "bilinmiyor",
    useful_until: "geçerlilik sonu",
    because: "neden",
    consent: "onay",
    text: "metin",
    body: "gövde",
    next: "sonraki adım",
};

pub(crate) fn verdict(state: State, why: &str) -> String {
    match state {
        State::Accepted => "Gönderildi: sağlayıcı kabul etti.".to_owned(),
        State::Delivered => "Gönderildi ve teslim edildi.".to_owned(),
        State::Undelivered => "Gönderildi, ancak ulaşmayacak.".to_owned(),
        State::Refused => format!("Gönderilmedi: sağlayıcı reddetti ({why})."),
        State::Suppressed if why == "no-consent" => {
            "Gönderilmedi: bu numara ve marka için kayıtlı onay (ONAY) yok.".to_owned()
        }
        State::Suppressed if why == "no-opt-in" => {
            "Gönderilmedi: kişinin WhatsApp izni kliniğin kayıtlarında yok.".to_owned()
        }
        State::Suppressed => format!("Gönderilmedi: engellendi ({why})."),
        State::Cancelled => format!("Gönderilmedi: iptal edildi ({why})."),
        State::Expired => format!("Gönderilmedi: zamanı geçmişti ({why})."),
        State::Unresolved if is_proven_absent(why) => format!(
            "Sağlayıcının kayıtlarına göre gönderilmedi: {}; tekrar gönderilmez.",
            reason(why)
        ),
        State::Unresolved => {
            "Gönderilmiş olabilir: sağlayıcının yanıtı kayboldu ve öğrenilemedi; tekrar gönderilmez."
                .to_owned()
        }
        State::DeadLettered => format!("Gönderilmedi: işlenemedi ({why})."),
        State::Waiting if goes_on(why) => {
            format!("Gönderildi, ancak ulaştığı bilinmiyor: sıradaki kanalı bekliyor ({why}).")
        }
        State::Waiting => format!("Henüz gönderilmedi: bekliyor ({why})."),
        State::Released => "Henüz gönderilmedi: işçilere verildi.".to_owned(),
        State::Sending => "Şu anda gönderiliyor.".to_owned(),
        State::Unknown => format!("Gönderilmiş olabilir: sonucu bilinmiyor ({why})."),
    }
}

fn reason(why: &str) -> String {
    meaning(why).map_or_else(|| why.to_owned(), |meaning| format!("{why}: {meaning}"))
}

/// The lane that it waits on, if it has one.
fn on_lane(lane: &str) -> String {
    if lane == NO_LANE { String::new() } else { format!(", hat {lane}") }
}

/// A state in a word or two.
pub(crate) fn state(state: State) -> &'static str {
    match state {
        State::Waiting => "bekliyor",
        State::Released => "işçilere verildi",
        State::Sending => "gönderiliyor",
        State::Unknown => "sonucu bilinmiyor",
        State::Accepted => "kabul edildi",
        State::Delivered => "teslim edildi",
        State::Undelivered => "ulaşmadı",
        State::Refused => "reddedildi",
        State::Suppressed => "engellendi",
        State::Cancelled => "iptal edildi",
        State::Expired => "zamanı geçti",
        State::Unresolved => "öğrenilemedi",
        State::DeadLettered => "işlenemedi",
    }
}

fn outcome(word: &str) -> &str {
    match word {
        "accepted" => "kabul edildi",
        "refused" => "reddedildi",
        "failed" => "gönderilemedi",
        "unknown" => "sonucu bilinmiyor",
        other => other,
    }
}

pub(crate) fn sentence(entry: &Entry) -> String {
    match entry {
        Entry::Received { via, .. } => format!("alındı: {via}"),
        Entry::Waiting { why, until, lane, .. } => {
            let on = on_lane(lane);
            format!("karar: bekle; bitişi {}{on}; neden {}", local(*until), reason(why))
        }
        Entry::Released { n, facts_not_current } => {
            let although = if *facts_not_current {
                "; klinikten gelen bilgiler dakikalardır işlenemiyordu, bir iptal bilinmiyor olabilir"
            } else {
                ""
            };
            format!("zamanı geldi: işçilere verildi, kopya {n}{although}")
        }
        Entry::Claimed {
            attempt,
            channel,
            lane,
            template,
            segments,
            encoding,
            stops_at,
            instead,
            transfer_basis,
            ..
        } => {
            let instead =
                instead.as_ref().map(|why| format!(" (ilk hat değil: {why})")).unwrap_or_default();
            let abroad = transfer_basis
                .as_ref()
                .map(|basis| format!("; veri yurt dışına aktarılır, hukuki dayanak: {basis}"))
                .unwrap_or_default();
            format!(
                "karar: gönder; deneme {attempt}, kanal {channel}, hat {lane}{instead}, şablon {template}, {segments} parça ({encoding}), en geç teslim {}{abroad}",
                local(*stops_at)
            )
        }
        Entry::Outcome { attempt, outcome: word, code, detail, provider_ref, late, .. } => {
            let late = if *late { " (geç gelen yanıt)" } else { "" };
            let reference = provider_ref
                .as_ref()
                .map(|r| format!(", sağlayıcının numarası {r}"))
                .unwrap_or_default();
            let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
            format!("deneme {attempt} {}{late}, {code}{detail}{reference}", outcome(word))
        }
        Entry::Ended { state: ended, why, .. } => {
            format!("bitti, {}: {}", state(*ended), reason(why))
        }
        Entry::LeaseRanOut { attempt, then } => {
            format!("deneme {attempt}: işçi zamanında geri dönmedi; durum: {}", state(*then))
        }
        Entry::Looked { attempt, saw, why, absences } => {
            let why = if why.is_empty() { String::new() } else { format!(" ({})", reason(why)) };
            let times = if *absences == 0 {
                String::new()
            } else {
                format!("; şimdiye kadar {absences} kez olmadığı kanıtlandı")
            };
            let saw = match saw.as_str() {
                "found" => "bulundu",
                "absent" => "yok",
                "ambiguous" => "belirsiz",
                "cannot-be-asked" => "sorulamıyor",
                _ => "sonuçsuz",
            };
            format!("deneme {attempt} sağlayıcıda arandı: {saw}{why}{times}")
        }
        Entry::NotFound { attempt, resend, absent, why, .. } => {
            let what = if *absent { "ulaşmamış" } else { "bulunamadı" };
            let then = if *resend { "bir kez daha gönderilir" } else { "yeniden gönderilmez" };
            format!("deneme {attempt} {what} ({}): {then}", reason(why))
        }
        Entry::Duplicate { via } => {
            format!("klinik aynı olayı yeniden yayımladı ({via}): bir şey yapılmadı")
        }
        Entry::SentTwice { attempt } => {
            format!(
                "başka bir deneme kabul edilmişken deneme {attempt} da kabul edildi: İKİ KEZ GÖNDERİLDİ"
            )
        }
        Entry::Receipt { .. } | Entry::Overdue { .. } | Entry::TwoChannel { .. } => {
            delivery::turkish(entry, state).unwrap_or_default()
        }
        Entry::EventRefused { queue, rule, path, source, id, .. } => {
            let what = named(source.as_deref(), id.as_deref());
            format!(
                "reddedildi ({queue}{what}): kural {rule}, yer {}",
                place(path, "gövdenin tümü")
            )
        }
        Entry::Returned { queue } => format!("kuyruk sunucusundan geri geldi: {queue}"),
        Entry::Replayed { who, why } => format!("geri koyan {who}: {why}"),
        Entry::TakenIn { into, who, why } => format!("{into} olarak kabul eden {who}: {why}"),
        Entry::Dropped { who, why } => format!("ilgilenildi diye kapatan {who}: {why}"),
        Entry::Stopped { who, why } => format!("durduran {who}: {why}"),
        Entry::Revealed { who, why, fields } => {
            format!("kişisel veriyi ({}) gören {who}: {why}", fields.join(", "))
        }
        Entry::Lane { lane, state, why, .. } => format!("hat {lane} {state}: {why}"),
        Entry::PersonSuppressed { why } => format!("numara engellendi: {why}"),
        Entry::ConsentSaid { channels, said, said_at, evidence, by } => {
            let said = if said == "refused" { "ret" } else { "onay" };
            let proof = evidence.as_ref().map(|e| format!(", belge {e}")).unwrap_or_default();
            let by = by.as_ref().map(|by| {
                let place = by.place.as_ref().map(|p| format!(", {p}")).unwrap_or_default();
                format!(", kaydeden {}: {}{place}", by.who, by.why)
            });
            format!(
                "{} için {said}, zaman {}{proof}{}",
                channels.join(", "),
                local(*said_at),
                by.unwrap_or_default()
            )
        }
        Entry::ConsentChecked { who, source, answer, .. } => {
            format!("bir numaranın onayını {source} kaynağına soran {who}: {answer}")
        }
        Entry::Access { who, what, .. } => format!("{who}: {}", did(what)),
        Entry::TokenCreated { token, label, who, .. } => {
            format!("{token} anahtarını oluşturan {who}: {label}")
        }
        Entry::FactApplied { fact_type, via, plan, cancelled, .. } => format!(
            "{via} üzerinden {fact_type} olayı işlendi: {} planlandı, {} iptal edildi",
            plan.iter().filter(|rule| rule.ntf.is_some()).count(),
            cancelled.len()
        ),
        Entry::FactStale { fact_type, why, .. } => format!("{fact_type} olayı geç kaldı: {why}"),
        Entry::TokenRevoked { token, who } => format!("{token} anahtarını iptal eden {who}"),
    }
}

/// What somebody saw or did on the pages.
pub(crate) fn did(what: &AccessKind) -> String {
    match what {
        AccessKind::LoggedIn => "giriş yaptı".to_owned(),
        AccessKind::LoggedOut { everywhere: true } => "bütün oturumlarını kapattı".to_owned(),
        AccessKind::LoggedOut { everywhere: false } => "çıkış yaptı".to_owned(),
        AccessKind::LogInFailed { why } => format!("geçersiz bir anahtarla giriş denendi ({why})"),
        AccessKind::Denied { path, right: Some(right) } => {
            format!("geri çevrildi: {path}; rolünde bu yetki yok: {right}")
        }
        AccessKind::Denied { path, right: None } => format!(
            "geri çevrildi: {path}; başka bir kliniğin kaydı ya da başka yerden gelen bir form"
        ),
        AccessKind::Opened { reason, fields } => {
            let fields: Vec<&str> = fields.iter().map(|name| field(name)).collect();
            format!("kişisel veriyi ({}) açtı: {reason}", fields.join(", "))
        }
        AccessKind::Exported { filter, rows } => {
            format!("{rows} satırı dosya olarak aldı: {filter}")
        }
        AccessKind::Acted { what } => what.clone(),
    }
}

/// What was opened.
fn field(name: &str) -> &str {
    match name {
        "body" => "gövde",
        "text" => "metin",
        "name" => "ad",
        "phone" => "telefon",
        other => other,
    }
}

/// What became of a fact.
pub(crate) fn fact_verdict(state: &str, why: &str) -> String {
    let why = match why {
        "older" => "aynı konuda daha yenisi biliniyordu",
        "cancelled" => "randevu bu sürümde ya da daha yenisinde iptal edilmişti",
        "known" => "aynısı zaten biliniyordu",
        other => other,
    };
    match state {
        "applied" => "Geçerli: planlar buna göre güncellendi.".to_owned(),
        _ => format!("Bir şey yapılmadı: {why}."),
    }
}

/// What one rule of a plan came to.
pub(crate) fn planned(line: &Planned) -> String {
    let rule = &line.rule;
    if let (Some(ntf), Some(at)) = (&line.ntf, line.at) {
        let wall = line.wall.as_ref().map(|wall| format!(" ({wall})")).unwrap_or_default();
        return format!("{rule}: {ntf}, zaman {}{wall}", local(at));
    }
    let why = match line.skipped.as_deref().unwrap_or_default() {
        "too-late" => "zamanı geçmişti",
        "quiet-hours" => "sessiz saatler dışında zaman kalmamıştı",
        "too-close" => "kliniğin belirlediği ara içinde başka bir hatırlatma gidiyor",
        "appointment-past" => "randevu başlamıştı",
        "sent-before" => "daha önce gönderilmişti",
        "nobody-known" => "kime söyleneceği bilinmiyor",
        other => other,
    };
    format!("{rule}: planlanmadı, {why}")
}

pub(crate) fn consent(evidence: &ConsentEvidence) -> String {
    let from = match evidence.rule_from.as_str() {
        "clinic" => "kliniğin",
        _ => "türün",
    };
    let version =
        evidence.rule_version.as_deref().map(|v| format!(", sürüm {v}")).unwrap_or_default();
    let mut parts = vec![format!("kural {} ({from}{version})", evidence.rule)];
    parts.extend(evidence.basis.as_ref().map(|basis| format!("hukuki dayanak: {basis}")));
    parts.extend(evidence.source.as_ref().map(|source| format!("sorulan {source}")));
    parts.extend(evidence.brand.as_ref().map(|brand| format!("marka {brand}")));
    parts.extend(evidence.asked_at.map(|at| format!("zaman {}", local(at))));
    parts.extend(evidence.request_id.as_ref().map(|id| format!("istek {id}")));
    parts.extend(evidence.answer.as_ref().map(|answer| format!("yanıt: {}", answered(answer))));
    parts.extend(
        evidence.word.as_ref().map(|known| format!("kayıttaki söz, {}", word(known, "onay"))),
    );
    parts.extend(
        evidence.opt_in.as_ref().map(|known| format!("kanal izni, {}", word(known, "izin"))),
    );
    parts.join(", ")
}

/// A source's answer in İYS's own words, with its code.
fn answered(code: &str) -> String {
    let said = match code {
        "listed" => "ONAY var",
        "not-listed" => "ONAY yok",
        "onay" => "ONAY",
        "ret" => "RET",
        "no-record" => "kayıt yok",
        "not-a-recipient" => "alıcı değil",
        other => return other.to_owned(),
    };
    format!("{said} ({code})")
}

/// What the registry said of a channel, when, and which fact tells more.
/// `given` is what was given: consent, or the person's own word for a channel.
fn word(known: &WordEvidence, given: &str) -> String {
    let at = known.said_at.map(|at| format!(", zaman {}", local(at))).unwrap_or_default();
    let fact = known.fact.as_ref().map(|fact| format!(" ({fact})")).unwrap_or_default();
    let said = match known.said.as_str() {
        "given" => format!("{given} verdi"),
        "refused" => "reddetti".to_owned(),
        _ => "kayıt yok".to_owned(),
    };
    format!("{}: {said}{at}{fact}", known.channel)
}

pub(crate) fn next(now: Situation<'_>) -> Vec<String> {
    let row = now.row;
    let due = row.due_at.map(local).unwrap_or_default();
    let lane = row.lane.as_deref().unwrap_or("?");
    match row.state {
        State::Waiting => {
            let mut lines = vec![match now.lane {
                Some(trouble) if trouble.is_paused() => format!(
                    "hat {lane} bir kişi tarafından durduruldu ({}; {}): `ulak lane resume {lane} --reason …` denene kadar bekler",
                    local(trouble.since),
                    trouble.why
                ),
                Some(trouble) if trouble.state != LaneState::Open => format!(
                    "hat {lane} kapalı ({}; {}), sıradaki yoklama {}: hat açılınca gider, en erken {due}",
                    local(trouble.since),
                    trouble.why,
                    local(trouble.probe_at)
                ),
                _ => format!("yeniden karar zamanı {due}{}", on_lane(lane)),
            }];
            lines.push(format!(
                "şu ana kadar gitmezse zamanı geçmiş sayılır: {}",
                local(row.expires_at)
            ));
            lines
        }
        State::Released => vec![format!(
            "bir işçi {}. kopyayı alır; almazsa yeniden verilir: {due}",
            row.fence
        )],
        State::Sending => vec![format!(
            "işçisi sonucu yazar; geri dönmezse denemenin sonucu bilinmiyor sayılır: {due}"
        )],
        State::Unknown => vec![format!(
            "körlemesine yeniden gönderilmez: sağlayıcıya yeniden sorulur: {due}; gecikmiş bir yanıt geçerlidir"
        )],
        State::Suppressed if row.why == "no-consent" => vec![
            "başka bir şey olmaz. Kişi onay verirse onayı İYS kayıtlarına girin (consent.source = \"registry\" ise `ulak consent record` ile kaydedin); klinik olayı yeni bir numarayla yayımlasın".to_owned(),
        ],
        State::Suppressed if row.why == "no-opt-in" => vec![
            "başka bir şey olmaz. Kişi WhatsApp için izin verirse `ulak consent record` ile kaydedin; klinik olayı yeni bir numarayla yayımlasın".to_owned(),
        ],
        State::DeadLettered if now.handled => {
            vec!["başka bir şey olmaz: bir kişi ilgilendi".to_owned()]
        }
        State::DeadLettered => vec![
            format!("kendiliğinden bir şey olmaz. Nedenini giderin, sonra ne olacağına bakın: ulak dead-letter replay {}", row.ntf),
            "ya da klinik düzeltilmiş olayı yeniden yayımlasın; reddedilen olayın numarası boştadır".to_owned(),
        ],
        State::Unresolved => vec![
            "kendiliğinden bir şey olmaz: ileti telefona ulaşmış olabilir. Sağlayıcıya sorun; gecikmiş bir yanıt geçerlidir".to_owned(),
        ],
        State::Refused => {
            vec!["başka bir şey olmaz: sağlayıcının reddi bu ileti için kesindir".to_owned()]
        }
        State::Accepted if row.due_at.is_some() => {
            vec![format!("haber gelmezse sıradaki kanal denenir, zamanı {due}")]
        }
        State::Accepted => {
            vec!["buradan başka bir şey olmaz: sağlayıcıdan gecikmiş bir teslim bilgisi geçerlidir".to_owned()]
        }
        _ => vec!["başka bir şey olmaz".to_owned()],
    }
}
