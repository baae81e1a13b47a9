use super::*;
use proptest::prelude::*;
use providers::twilio::{Auth, From};
use secrecy::SecretString;
use templates::NameStyle;

const META: &str = "whatsapp/default/106540352242922";
const TWILIO: &str = "twilio/default/whatsapp:+14155552345";

fn clinic(id: &str, transfer_abroad: Option<&str>) -> Clinic {
    Clinic {
        face: ClinicFace {
            id: ClinicId::parse(id).unwrap(),
            name: "Klinik".to_owned(),
            phone: None,
            address: None,
            zone: chrono_tz::Tz::Europe__Istanbul,
            name_style: NameStyle::First,
        },
        sender: None,
        netgsm: "default".to_owned(),
        twilio: "default".to_owned(),
        whatsapp: "default".to_owned(),
        iys: "default".to_owned(),
        channels: vec![],
        fallback_after: BTreeMap::new(),
        quiet_hours: None,
        min_gap: TimeDelta::zero(),
        consent: BTreeMap::new(),
        transfer_abroad: transfer_abroad.map(str::to_owned),
    }
}

fn template(name: &str, provider: Provider, language: Language, clinics: &[&str]) -> Template {
    Template {
        name: name.to_owned(),
        event_type: "ulak.appointment-reminder.v1".to_owned(),
        language,
        provider,
        template: format!("{name}_v1"),
        vendor_language: language.as_str().to_owned(),
        parameters: vec!["recipient_name".to_owned()],
        buttons: vec![],
        clinics: clinics.iter().map(|id| ClinicId::parse(id).unwrap()).collect(),
    }
}

fn settings(whatsapp_order: &[Provider]) -> Settings {
    let secret = || SecretString::from("secret");
    let sid = "AC00000000000000000000000000000001";
    let twilio =
        |from| providers::twilio::Account::new("default", sid, Auth::Token(secret()), from);
    let twilio = TwilioAccount {
        account: twilio(From::Number("+14155552345".to_owned())),
        whatsapp: Some(twilio(From::WhatsApp("whatsapp:+14155552345".to_owned()))),
        max_per_s: Some(10),
        status_callback: None,
    };
    let meta = providers::meta::Account::new("default", "106540352242922", secret());
    let named = || "default".to_owned();
    Settings {
        clinics: BTreeMap::new(),
        netgsm: BTreeMap::new(),
        twilio: [(named(), twilio)].into(),
        whatsapp: [(
            named(),
            WhatsappAccount { account: meta, max_per_s: Some(80), is_told: true },
        )]
        .into(),
        sms_order: vec![Provider::Twilio],
        whatsapp_order: whatsapp_order.to_vec(),
        templates: vec![
            template("all", Provider::Whatsapp, Language::Tr, &[]),
            template("own", Provider::Whatsapp, Language::Tr, &["besiktas"]),
            template("english", Provider::Whatsapp, Language::En, &["atasehir"]),
        ],
        iys: BTreeMap::new(),
        consent_source: ConsentSource::Registry,
        in_flight: 1,
        prefetch: 1,
        quick_retries: 2,
        request_deadline: Duration::from_secs(10),
        first_look: Duration::from_secs(30),
        drain: Duration::from_secs(1),
    }
}

#[test]
fn whatsapp_has_a_lane_at_each_provider_in_their_order_and_twilio_another_one_for_texts() {
    let both = settings(&[Provider::Whatsapp, Provider::Twilio]);
    let clinic = clinic("atasehir", Some("explicit consent"));
    let names = |settings: &Settings, channel| -> Vec<String> {
        settings.lanes(channel, &clinic).into_iter().map(|lane| lane.name).collect()
    };
    assert_eq!(names(&both, Channel::Whatsapp), [META, TWILIO]);
    assert_eq!(names(&settings(&[Provider::Twilio]), Channel::Whatsapp), [TWILIO]);
    assert_eq!(names(&both, Channel::Sms), ["twilio/default/+14155552345"]);
    // Netgsm has no WhatsApp, and Meta no texts
    assert!(names(&settings(&[Provider::Netgsm]), Channel::Whatsapp).is_empty());
    for lane in both.lanes(Channel::Whatsapp, &clinic) {
        assert!(!lane.needs_slot(), "nobody looks for attempts there");
    }
}

#[test]
fn a_clinics_own_template_comes_before_the_one_for_all() {
    let settings = settings(&[Provider::Whatsapp]);
    let find = |clinic: &str, language, event_type: &str| {
        let clinic = ClinicId::parse(clinic).unwrap();
        let found = settings.template(Provider::Whatsapp, &clinic, event_type, language);
        found.map(|template| template.name.as_str())
    };
    let reminder = "ulak.appointment-reminder.v1";
    assert_eq!(find("atasehir", Language::Tr, reminder), Some("all"));
    assert_eq!(find("besiktas", Language::Tr, reminder), Some("own"));
    assert_eq!(find("atasehir", Language::En, reminder), Some("english"));
    assert_eq!(find("besiktas", Language::En, reminder), None, "it is another clinic's");
    assert_eq!(find("atasehir", Language::Tr, "ulak.payment-receipt.v1"), None);
    assert_eq!(settings.templates[0].label(), "whatsapp:all_v1/tr");
}

proptest! {
    #[test]
    fn nothing_goes_over_whatsapp_without_the_clinics_legal_basis(
        order in prop::collection::vec(prop::sample::select(Provider::ALL.as_slice()), 0..4),
        basis in prop::option::of(Just("explicit consent on the form")),
    ) {
        let lanes = settings(&order).lanes(Channel::Whatsapp, &clinic("atasehir", basis));
        prop_assert!(basis.is_some() || lanes.is_empty());
        for lane in lanes {
            prop_assert!(lane.provider.is_abroad() && channel_of(&lane.name) == Some(Channel::Whatsapp));
        }
    }
}
