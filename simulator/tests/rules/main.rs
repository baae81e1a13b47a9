//! Every rule of the twins, asked over real HTTP.

// `cfg(test)` on each: clippy's "unwrap is fine in tests" goes by it, helpers included.
#[cfg(test)]
mod caller;
#[cfg(test)]
mod listener;

#[cfg(test)]
mod control;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod iys_consents;
#[cfg(test)]
mod iys_token;
#[cfg(test)]
mod meta_send;
#[cfg(test)]
mod meta_webhook;
#[cfg(test)]
mod netgsm_account;
#[cfg(test)]
mod netgsm_iys;
#[cfg(test)]
mod netgsm_report;
#[cfg(test)]
mod netgsm_send;
#[cfg(test)]
mod twilio_callback;
#[cfg(test)]
mod twilio_list;
#[cfg(test)]
mod twilio_send;
#[cfg(test)]
mod twilio_whatsapp;
