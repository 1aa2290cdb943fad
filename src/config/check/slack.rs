//! `kind = "slack"`: one way to reach Slack, not none and not two.

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{Check, http::url_or};
use crate::config::{
    document::Place,
    file,
    meant::{SlackAction, SlackTarget},
};

pub(super) fn slack(
    check: &mut Check<'_, '_>,
    place: &Place,
    typed: &file::Slack,
) -> Option<SlackAction> {
    let text = check.required(place, "text", typed.text.as_ref());
    if text.is_some_and(|text| text.trim().is_empty()) {
        check.error(&place.key("text"), "the text is empty");
    }
    let target = target(check, place, typed);
    Some(SlackAction {
        target: target?,
        text: text?.clone(),
        allow_private: typed.allow_private.unwrap_or(false),
    })
}

fn target(check: &mut Check<'_, '_>, place: &Place, typed: &file::Slack) -> Option<SlackTarget> {
    let is_typed = |key: &str| check.is_typed(&place.key(key));
    match (is_typed("webhook"), is_typed("token")) {
        (true, false) => webhook(check, place, typed),
        (false, true) => post(check, place, typed),
        (true, true) => {
            check.error(&place.key("token"), "either `webhook` or `token`, not both");
            None
        }
        (false, false) => {
            check
                .error(place, "a way to reach Slack is missing")
                .help("add `webhook`, or `token` with `channel` or `user`");
            None
        }
    }
}

fn webhook(check: &mut Check<'_, '_>, place: &Place, typed: &file::Slack) -> Option<SlackTarget> {
    for key in ["channel", "user", "base_url"] {
        if check.is_typed(&place.key(key)) {
            let message = format!("`{key}` goes with `token`; a webhook has its own channel");
            check.error(&place.key(key), message);
        }
    }
    let url = check.optional_secret(&place.key("webhook"), typed.webhook.as_ref())?;
    if !is_web_address(&url) {
        let message = "the reference does not lead to an address that starts with https://";
        check.error(&place.key("webhook"), message);
    }
    Some(SlackTarget::Webhook(url))
}

fn is_web_address(url: &SecretString) -> bool {
    Url::parse(url.expose_secret()).is_ok_and(|url| matches!(url.scheme(), "https" | "http"))
}

fn post(check: &mut Check<'_, '_>, place: &Place, typed: &file::Slack) -> Option<SlackTarget> {
    let channel = match (&typed.channel, &typed.user) {
        (Some(channel), None) => Some(("channel", channel)),
        (None, Some(user)) => Some(("user", user)),
        (Some(_), Some(_)) => {
            check.error(&place.key("user"), "either `channel` or `user`, not both");
            None
        }
        (None, None) => {
            if !check.is_typed(&place.key("channel")) && !check.is_typed(&place.key("user")) {
                check.error(place, "`token` needs a `channel` or a `user` to write to");
            }
            None
        }
    };
    if let Some((key, _)) = channel.filter(|(_, name)| name.trim().is_empty()) {
        check.error(&place.key(key), format!("the {key} is empty"));
    }
    let token = check.optional_secret(&place.key("token"), typed.token.as_ref());
    let mut base_url = url_or(typed.base_url.as_ref(), "https://slack.com/api/");
    // Without the last slash, joining a method's name would replace `api`.
    if !base_url.path().ends_with('/') {
        let path = format!("{}/", base_url.path());
        base_url.set_path(&path);
    }
    Some(SlackTarget::Post { token: token?, channel: channel?.1.clone(), base_url })
}
