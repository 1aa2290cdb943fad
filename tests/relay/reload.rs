//! A changed configuration is taken over as a whole or not at all, without a restart.

use std::{
    fs,
    time::{Duration, Instant},
};

use crate::{
    door::tls::write_certificate,
    faults::wire,
    support::{
        client::{Client, SECRET},
        cluster::eventually,
        database::TestDatabase,
        fake_attio::TestAttio,
        message::Message,
        process::{Relay, Setup},
        sink::{Reply, Sink, route},
    },
};

/// Longer than it takes on a busy machine; what must hold is counted.
const PATIENCE: Duration = Duration::from_secs(20);

/// A change is in effect after so long at the most.
const SOON: Duration = Duration::from_secs(2);

/// A relay on SQLite whose one route leads to the action of that name.
struct Changing {
    _database: TestDatabase,
    sink: Sink,
    setup: Setup,
    relay: Relay,
}

impl Changing {
    async fn start() -> Self {
        Self::start_with("", "").await
    }

    /// With further lines of `[server]`, and further sections.
    async fn start_with(server: &str, sections: &str) -> Self {
        let (database, sink) = (TestDatabase::sqlite(), Sink::start().await);
        let mut setup = Setup::new(database.url(), sink.address);
        server.clone_into(&mut setup.server_lines);
        setup.routing = Some(leading_to(&sink, "first") + sections);
        let relay = Relay::spawn(&setup).await;
        Self { _database: database, sink, setup, relay }
    }

    /// Changes the file, and waits until it was read.
    async fn change(&mut self, routing: String) {
        self.setup.routing = Some(routing);
        let before = self.reloads().await;
        self.relay.rewrite(&self.setup);
        eventually("the file is read again", PATIENCE, async || self.reloads().await > before)
            .await;
    }

    async fn generation(&self) -> String {
        self.relay.metric("attio_relay_config_generation").await.to_string()
    }

    async fn reloads(&self) -> f64 {
        self.relay.metric("attio_relay_config_reload_total").await
    }

    /// Generation and fingerprint, as `/readyz` says them.
    async fn standing(&self) -> (u64, String) {
        let body = wire::get(self.relay.admin, "/readyz?verbose").await.unwrap().body;
        let told: serde_json::Value = serde_json::from_str(&body).unwrap();
        (told["generation"].as_u64().unwrap(), told["fingerprint"].as_str().unwrap().to_owned())
    }

    async fn send(&self) {
        let message = Message::event("record.created");
        Client::new(self.relay.public).post(&message).await.assert_accepted();
    }
}

/// Two replicas on Postgres whose one route leads to `first`.
async fn replicas() -> (TestDatabase, Sink, Setup, [Relay; 2]) {
    let (database, sink) = (TestDatabase::postgres().await, Sink::start().await);
    let mut setup = Setup::new(database.url(), sink.address);
    setup.routing = Some(leading_to(&sink, "first"));
    let replicas = [Relay::spawn(&setup).await, Relay::spawn(&setup).await];
    (database, sink, setup, replicas)
}

/// Waits until so many configurations have taken effect.
async fn until_generation(relay: &Relay, generation: u32) {
    let is_there =
        async || relay.metric("attio_relay_config_generation").await == f64::from(generation);
    eventually("the change is in effect", PATIENCE, is_there).await;
}

fn leading_to(sink: &Sink, action: &str) -> String {
    sink.action(action, "") + &route("all", r#"on = ["*"]"#, &[action])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_route_is_in_effect_without_a_restart_and_says_so() {
    let mut it = Changing::start().await;
    it.send().await;
    it.sink.wait_until_received_by("first", 1).await;
    let verbose = wire::get(it.relay.admin, "/readyz?verbose").await.unwrap().body;
    assert!(verbose.contains(r#""generation":1,"fingerprint":""#), "{verbose}");

    it.change(leading_to(&it.sink, "second")).await;
    it.send().await;
    it.sink.wait_until_received_by("second", 1).await;
    assert_eq!(it.sink.received_by("first").len(), 1);
    assert_eq!(it.generation().await, "2");
    let later = wire::get(it.relay.admin, "/readyz?verbose").await.unwrap().body;
    assert!(later.contains(r#""generation":2"#) && later != verbose, "{later}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_changes_nothing_and_is_told_of() {
    let mut it = Changing::start().await;
    it.change(leading_to(&it.sink, "second").replace("to = [", "to = [\"nobody\", ")).await;
    it.send().await;
    it.sink.wait_until_received_by("first", 1).await;
    assert!(it.sink.received_by("second").is_empty());
    assert_eq!(it.generation().await, "1");
    let is_told = async || it.relay.said().contains("the old one stays in effect");
    eventually("it is told of", PATIENCE, is_told).await;
    assert!(!it.relay.said().contains(SECRET));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_whose_route_and_action_go_waits_until_they_come_back() {
    let mut it = Changing::start().await;
    it.sink.always(Reply::Status(503));
    it.send().await;
    it.sink.wait_until_received_by("first", 1).await;
    it.change(leading_to(&it.sink, "second")).await;
    it.sink.always(Reply::Status(200));
    let taken = it.sink.taken().len();
    it.send().await;
    it.sink.wait_until_taken(taken + 1).await;

    it.change(leading_to(&it.sink, "first")).await;
    it.sink
        .wait_until("the one that waited goes on", |all| {
            all.iter().filter(|one| one.attempt() > 1).count() > 0
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_restart_changes_says_so() {
    let mut it = Changing::start().await;
    it.setup.drain_delay = "1700ms";
    it.change(leading_to(&it.sink, "second")).await;
    let says_so = async || it.relay.said().contains("they need a restart");
    eventually("it says so", PATIENCE, says_so).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_secret_of_what_is_read_at_the_start_says_that_it_needs_a_restart() {
    let (folder, attio) = (tempfile::tempdir().unwrap(), TestAttio::start().await);
    let [key, token] = ["key", "token"].map(|name| folder.path().join(name));
    fs::write(&key, "the first key").unwrap();
    fs::write(&token, attio.token()).unwrap();
    let server = format!("admin_token = 'file:{}'", key.display());
    let access = format!("base_url = '{}'\ntoken = 'file:{}'", attio.base_url(), token.display());
    let it = Changing::start_with(&server, &format!("[attio]\n{access}\n")).await;
    for (file, sections) in [(&key, r#""sections":"server""#), (&token, r#""server, attio""#)] {
        fs::write(file, "another").unwrap();
        let is_said = async || {
            let said = it.relay.said();
            said.lines().any(|line| line.contains("need a restart") && line.contains(sections))
        };
        eventually(sections, PATIENCE, is_said).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_for_a_reason_outside_of_the_file_is_tried_again_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    write_certificate(folder.path());
    let [cert, key, away] = ["tls.crt", "tls.key", "away"].map(|name| folder.path().join(name));
    let tls = format!("tls = {{ cert = '{}', key = '{}' }}", cert.display(), key.display());
    let mut it = Changing::start_with(&tls, "").await;
    fs::rename(&cert, &away).unwrap();
    it.change(leading_to(&it.sink, "second")).await;
    eventually("it is tried again", PATIENCE, async || it.reloads().await >= 2.0).await;
    assert_eq!(it.generation().await, "1");
    assert_eq!(it.relay.said().matches("attio_relay::reload").count(), 1, "logged once");
    fs::rename(&away, &cert).unwrap();
    until_generation(&it.relay, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_up_reads_a_file_that_did_not_change() {
    let it = Changing::start().await;
    let before = it.reloads().await;
    it.relay.hang_up();
    eventually("it is read again", PATIENCE, async || it.reloads().await > before).await;
    until_generation(&it.relay, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn which_configuration_stands_is_the_same_in_readiness_metrics_and_overview() {
    let mut it = Changing::start().await;
    let first = it.standing().await;
    it.change(leading_to(&it.sink, "second")).await;
    until_generation(&it.relay, 2).await;
    let (generation, fingerprint) = it.standing().await;
    assert!(generation == 2 && fingerprint != first.1, "{first:?} {fingerprint}");
    let metric = it.relay.metric("attio_relay_config_fingerprint").await;
    assert_eq!(format!("{metric}"), u64::from_str_radix(&fingerprint, 16).unwrap().to_string());
    let page = wire::get(it.relay.admin, "/").await.unwrap().body;
    assert!(page.contains(&format!("number 2 <code>{fingerprint}</code>")), "{page}");
    assert!(page.contains("configuration 2 <code") && page.contains(&format!(">{fingerprint}<")));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_take_over_the_same_change_and_say_that_it_is_the_same() {
    let (_database, sink, mut setup, replicas) = replicas().await;
    setup.routing = Some(leading_to(&sink, "second"));
    for replica in &replicas {
        replica.rewrite(&setup);
    }
    let mut standing = Vec::new();
    for replica in &replicas {
        until_generation(replica, 2).await;
        standing.push(wire::get(replica.admin, "/readyz?verbose").await.unwrap().body);
    }
    assert_eq!(standing[0], standing[1], "generation and fingerprint");
    for replica in &replicas {
        for _ in 0..10 {
            let message = Message::event("record.created");
            Client::new(replica.public).post(&message).await.assert_accepted();
        }
    }
    sink.wait_until_received_by("second", 20).await;
    assert!(sink.received_by("first").is_empty());
}

/// The best of three: a machine that is busy for a moment proves nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_in_effect_within_two_seconds_on_each_replica() {
    let (_database, sink, mut setup, replicas) = replicas().await;
    let mut took = Vec::new();
    for generation in 2..5 {
        setup.routing = Some(leading_to(&sink, &format!("action-{generation}")));
        let changed = Instant::now();
        for replica in &replicas {
            replica.rewrite(&setup);
        }
        for replica in &replicas {
            until_generation(replica, generation).await;
        }
        took.push(changed.elapsed());
        if changed.elapsed() <= SOON {
            return;
        }
    }
    panic!("they took {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_changes_under_load_half_of_them_broken_misroute_nothing() {
    let it = Changing::start().await;
    let good = [leading_to(&it.sink, "first"), leading_to(&it.sink, "second")];
    let sending = async {
        for _ in 0..500 {
            it.send().await;
        }
    };
    let changing = async {
        let mut setup = it.setup.clone();
        for turn in 0..1000_usize {
            let routing = good[turn / 2 % 2].clone();
            let broken = leading_to(&it.sink, "third").replace("on = [", "on = [7, ");
            setup.routing = Some(if turn % 2 == 0 { routing } else { broken });
            it.relay.rewrite(&setup);
            let before = it.reloads().await;
            it.relay.hang_up();
            eventually("it is read", PATIENCE, async || it.reloads().await > before).await;
        }
    };
    tokio::join!(sending, changing);
    it.sink.wait_until_taken(500).await;
    let all = it.sink.taken();
    assert!(all.iter().all(|one| one.json()["route"] == "all"));
    let actions = ["first", "second"].map(|action| it.sink.received_by(action).len());
    assert_eq!(actions.iter().sum::<usize>(), 500, "{actions:?}");
    assert_eq!(it.sink.received_by("third").len(), 0, "what is broken leads nowhere");
    assert!(it.reloads().await >= 1000.0);
}
