//! The general demo: messages of many kinds, good and bad, and what becomes of each.

use std::{net::SocketAddr, time::Duration};

use anyhow::anyhow;
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    report, say,
    script::{self, BILLING, Scene, WAREHOUSE, WON},
    stage::{PATH, Props, Stage},
};
use crate::{
    cli::{
        OUTSIDE,
        client::{self, Trust},
    },
    config::{self, Config},
    signature,
};

/// All deliveries must have arrived by then.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a request of the demo may take.
const REQUEST: Duration = Duration::from_secs(10);

/// What a 503 of the relay asks for.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How often a metric is looked at, which tells nobody when it changes.
const LOOK: Duration = Duration::from_millis(20);

/// What billing gets: what the demo must know of it, and what only a look-up can tell.
const BODY: &str = r#"{"type": {{ type | tojson }}, "attempt": {{ attempt }},
 "event": {{ event | tojson }}, "deal": {{ record.name | tojson }},
 "value": {{ (record.value.amount ~ " " ~ record.value.currency) | tojson }},
 "stage": {{ record.stage | tojson }}, "before": {{ previous.stage | tojson }},
 "by": {{ (actor.name or actor.type) | tojson }}}"#;

/// Sends everything, shows what became of it, and, unless it is played once, what else arrives.
pub(super) async fn play(stage: &mut Stage, once: bool) -> anyhow::Result<bool> {
    let (public, admin) = (stage.public, stage.admin);
    stage.props.write("relay.toml", &configuration(&stage.props, public, admin))?;
    say(&report::opening(stage)?)?;
    let mut play = script::play(&stage.attio)?;
    let deadline = Instant::now() + PATIENCE;
    send(stage, &mut play).await?;
    // It may be that something never arrives; the table shows that.
    let _in_time = timeout_at(deadline, watch(stage, &mut play)).await;
    let wanted = script::skips(&play);
    let _in_time = timeout_at(deadline, async {
        while skipped(stage) < wanted {
            sleep(LOOK).await;
        }
    })
    .await;
    let skipped = skipped(stage);
    say(&report::table(&play))?;
    say(&report::summary(&play, skipped))?;
    say(&report::values(&play))?;
    say(&report::addresses(stage))?;
    if !once {
        stage.listen_to_attio()?;
        say(&report::more(stage))?;
        while let Some(arrival) = stage.arrivals.recv().await {
            say(&report::line(&arrival))?;
        }
    }
    Ok(script::is_complete(&play) && skipped == wanted)
}

/// How many deliveries ended because their condition did not hold.
fn skipped(stage: &Stage) -> u64 {
    report::count(&stage.metrics, "attio_relay_deliveries_total", r#"result="skipped""#)
}

/// Sends each message as Attio would: what is answered 503 is sent again.
async fn send(stage: &Stage, play: &mut [Scene]) -> anyhow::Result<()> {
    let door = stage.door()?;
    let client = client::client(&door, Trust::Proven, REQUEST)?;
    let stranger = "a secret that the relay has never heard of".into();
    for scene in play {
        let secret = if scene.is_genuine { &stage.props.secret } else { &stranger };
        let signature = signature::sign(secret, scene.body.as_bytes());
        for _ in 0..5 {
            let body = scene.body.clone();
            let answer = client::post(&client, &door, &scene.key, &signature, body).await?;
            let is_busy = answer.status == 503;
            scene.answer = Some((answer.status, answer.text));
            if !is_busy {
                break;
            }
            sleep(RETRY_AFTER).await;
        }
    }
    Ok(())
}

/// Takes note of what arrives until everything has.
async fn watch(stage: &mut Stage, play: &mut [Scene]) {
    while !script::is_delivered(play) {
        let Some(arrival) = stage.arrivals.recv().await else {
            return;
        };
        script::note(play, &arrival);
    }
}

/// Reads a configuration of the demo's own making.
pub(super) fn read(text: &str) -> anyhow::Result<Config> {
    match config::parse(text, "the demo's configuration", &OUTSIDE) {
        Ok((config, _warnings)) => Ok(config),
        Err(problems) => Err(anyhow!("{problems}")),
    }
}

/// What somebody would write to run this for real; every wait is short, so that nobody has to.
pub(super) fn configuration(props: &Props, public: SocketAddr, admin: SocketAddr) -> String {
    let file = |name: &str| quoted(&format!("file:{}", props.file(name).display()));
    let action = |name: &str, more: &str| {
        format!(
            "[actions.{name}]\nkind = \"http\"\nurl = \"http://{}/{name}\"\n\
             allow_private = true\nretry = {{ first = \"200ms\" }}\n{more}\n",
            props.destination
        )
    };
    format!(
        "[server]\nlisten = \"{public}\"\nadmin_listen = \"{admin}\"\ndrain_delay = \"0s\"\n\n\
         [store]\nurl = {store}\n\n\
         [[sources]]\nname = \"demo\"\npath = \"{PATH}\"\nsecrets = [{secret}]\n\n\
         [attio]\ntoken = {token}\nbase_url = \"{attio}\"\n\n\
         {billing}{warehouse}\
         [[routes]]\nname = \"closed-won-to-billing\"\non = [\"record.updated\"]\n\
         object = \"deals\"\nchanged = [\"stage\"]\n\
         when = 'previous.stage != \"{WON}\" and record.stage == \"{WON}\"'\n\
         to = [\"{BILLING}\"]\n\n\
         [[routes]]\nname = \"everything-to-warehouse\"\non = [\"*\"]\nto = [\"{WAREHOUSE}\"]\n",
        store = quoted(&props.store()),
        secret = file("secret"),
        token = file("token"),
        attio = props.attio,
        billing = action(BILLING, &format!("body = '''\n{BODY}'''\n")),
        warehouse = action(WAREHOUSE, ""),
    )
}

/// A text as TOML writes it, which is as JSON does.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::{super::stage::ANY, *};

    #[test]
    fn the_configuration_is_right_in_a_folder_with_a_strange_name() {
        let folder = TempDir::with_prefix("a \"strange\" \\ name").unwrap();
        let props = Props {
            home: folder.path().to_owned(),
            secret: "0123456789abcdef".into(),
            attio: "http://127.0.0.1:1".parse().unwrap(),
            destination: ANY,
        };
        props.write("secret", "0123456789abcdef").unwrap();
        props.write("token", "0123456789abcdef").unwrap();
        let config = read(&configuration(&props, ANY, ANY)).unwrap();
        assert_eq!(config.routes.len(), 2);
    }
}
