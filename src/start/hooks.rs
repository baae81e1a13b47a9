//! Which webhooks the HTTP door takes: those that somebody can prove.

use anyhow::Context as _;
use gateway::Hooks;

use crate::config::Config;

/// The webhooks of this configuration.
///
/// # Errors
/// A secret is empty, which the configuration excludes.
pub fn gateway_hooks(config: &Config) -> anyhow::Result<Hooks> {
    let providers = &config.providers;
    let mut hooks = Hooks::new(config.gateway.public_url.as_deref());
    for (name, account) in &providers.twilio {
        // an API key signs nothing: without the token no callback can be believed, and none is asked for
        if let Some(auth_token) = &account.auth_token {
            hooks = hooks
                .with_twilio(
                    name,
                    &account.account_sid,
                    auth_token.clone(),
                    account.webhook_token.as_ref(),
                )
                .context("webhooks of Twilio")?;
        }
    }
    for (name, account) in &providers.whatsapp {
        if let Some(app_secret) = &account.app_secret {
            hooks = hooks
                .with_whatsapp(
                    name,
                    &account.phone_number_id,
                    (app_secret.clone(), account.verify_token.clone()),
                    account.webhook_token.as_ref(),
                )
                .context("webhooks of WhatsApp")?;
        }
    }
    for (name, account) in &providers.netgsm {
        if let Some(token) = &account.webhook_token {
            hooks = hooks.with_netgsm(name, token);
        }
    }
    Ok(hooks)
}
