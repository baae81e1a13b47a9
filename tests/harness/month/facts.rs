//! What a clinic's system says of an appointment, as an event.

use serde_json::{Value, json};

use super::calendar::{Clinic, Ms};

/// An appointment of the month: what never changes of it.
#[derive(Debug, Clone)]
pub struct Visit {
    /// Its number, which its id and its patient's phone are made of.
    pub n: usize,
    /// Whose.
    pub clinic: Clinic,
    /// Its system counts versions; otherwise the time of the fact orders.
    pub counted: bool,
    /// Reminders of its own instead of the clinic's.
    pub own: Option<&'static [&'static str]>,
}

/// What was said of it.
#[derive(Debug, Clone)]
pub struct Said {
    /// Index of the appointment.
    pub visit: usize,
    /// What orders it among what was said of the same appointment.
    pub version: i64,
    /// When it was said, by the world's clock.
    pub time: Ms,
    /// What it is.
    pub what: What,
    /// It is the first word about it.
    pub first: bool,
}

/// What a fact says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// It takes place then, with this doctor.
    Stands {
        /// When it starts.
        starts_at: Ms,
        /// Who sees the patient.
        with: &'static str,
    },
    /// It does not take place.
    Cancelled,
}

impl Visit {
    /// Its id.
    pub fn id(&self) -> String {
        format!("A-{}", self.n)
    }

    /// Its patient's number in ten digits, as a provider gets it.
    pub fn national(&self) -> String {
        format!("533{:07}", 1_000_000 + self.n)
    }

    fn recipient(&self) -> Value {
        json!({ "name": "Ayşe Yılmaz", "phone": format!("+90{}", self.national()) })
    }

    fn appointment(&self, version: i64) -> Value {
        let mut appointment = json!({ "id": self.id() });
        if self.counted {
            appointment["version"] = version.into();
        }
        appointment
    }

    fn envelope(&self, kind: &str, id: &str, time: Ms, data: &Value) -> Value {
        json!({
            "specversion": "1.0", "id": id, "source": format!("/clinics/{}", self.clinic.id()), "type": kind,
            "time": self.clinic.written(time), "subject": format!("appointment/{}", self.id()),
            "datacontenttype": "application/json", "data": data,
        })
    }

    /// The event of a fact.
    pub fn fact(&self, said: &Said) -> Value {
        let mut appointment = self.appointment(said.version);
        let id = format!("f/{}/{}", self.n, said.version);
        let What::Stands { starts_at, with } = &said.what else {
            let data = json!({ "appointment": appointment });
            return self.envelope("clinic.appointment-cancelled.v1", &id, said.time, &data);
        };
        appointment["starts_at"] = self.clinic.written(*starts_at).into();
        appointment["with"] = (*with).into();
        if let Some(own) = self.own {
            appointment["reminders"] = json!(own);
        }
        let kind = if said.first {
            "clinic.appointment-booked.v1"
        } else {
            "clinic.appointment-rescheduled.v1"
        };
        let data = json!({ "recipient": self.recipient(), "appointment": appointment });
        self.envelope(kind, &id, said.time, &data)
    }

    /// The notification with which its clinic's system reminds of it past the plan, by the rule `24h`.
    pub fn direct(&self, version: i64, starts_at: Ms, with: &str, time: Ms) -> Value {
        let mut appointment = self.appointment(version);
        appointment["starts_at"] = self.clinic.written(starts_at).into();
        appointment["with"] = with.into();
        let data = json!({
            "recipient": self.recipient(), "appointment": appointment, "reminder": { "rule": "24h" },
        });
        let id = format!("direct/{}/{time}", self.n);
        self.envelope("ulak.appointment-reminder.v1", &id, time, &data)
    }
}
