//! Builds every part, runs them, and stops them in order.
//!
//! Every task is supervised: one that ends unasked stops the program, which then reports failure.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::mpsc,
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::{
    action::TemplateProblem,
    admin::{self, access::Access},
    attio::{
        catalog,
        client::{Client, ClientProblem},
        subscription::Target,
        watch,
    },
    config::Config,
    dispatch::Dispatch,
    enrich::{Enrich, Names},
    http::{
        Door, DoorLimits, Health,
        listener::{self, Listener},
        tls::{Acceptor, TlsError},
    },
    intake::Intake,
    look::Look,
    reconcile::Schedule,
    reload::{self, Origin},
    routing::{self, RouteTable},
    sampling,
    shutdown::Stop,
    store::{Desk, LaneKind, ServeLock, Store, StoreError},
    telemetry::{Metrics, error_text},
};

/// Calls on the queue's lanes take so long at the most.
const QUEUE_DEADLINE: Duration = Duration::from_secs(5);

/// Running attempts get so long after the listener closed; then they are cut off.
const ATTEMPTS_PATIENCE: Duration = Duration::from_secs(20);

/// The last batch, and then the last outcomes, get so long each.
const WRITING_PATIENCE: Duration = Duration::from_secs(4);

/// The whole stop takes so long at the most, whatever hangs: who runs us waits for 60 s.
const STOP_LIMIT: Duration = Duration::from_secs(45);

/// Connections of the private listener.
const ADMIN_CONNECTIONS: usize = 256;

/// The pause between two tries to prepare the store.
const PREPARE_PAUSE: Duration = Duration::from_millis(500);

/// Why the program could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The store's address cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Attio cannot be asked.
    #[error(transparent)]
    Attio(#[from] ClientProblem),
    /// A template is wrong.
    #[error("an action cannot be built: {0}")]
    Action(#[from] TemplateProblem),
}

/// Why a running program ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The store can never be used.
    #[error("{0}")]
    Store(String),
    /// A task ended that never should.
    #[error("the {0} loop ended unasked")]
    Task(&'static str),
}

/// A program that runs.
#[derive(Debug)]
pub struct Running {
    /// Where the public listener listens.
    pub public: SocketAddr,
    /// Where the private listener listens.
    pub admin: SocketAddr,
    /// How to stop it.
    pub stop: Stop,
    /// Its metrics.
    pub metrics: Arc<Metrics>,
    ended: JoinHandle<Result<(), Failure>>,
}

impl Running {
    /// Waits until it has ended.
    ///
    /// # Errors
    /// Why it ended by itself.
    pub async fn ended(self) -> Result<(), Failure> {
        self.ended.await.unwrap_or(Err(Failure::Task("main")))
    }
}

/// Everything that runs.
struct Parts {
    config: Config,
    /// Held until the end: a second process on one SQLite file would be refused.
    serve_lock: Option<ServeLock>,
    metrics: Arc<Metrics>,
    stop: Stop,
    draining: Arc<AtomicBool>,
    dispatch: Dispatch,
    tasks: Tasks,
    prepared: CancellationToken,
    unusable: mpsc::Receiver<String>,
    ends: Ends,
}

/// Each group of tasks ends when its token is cancelled, in this order.
#[derive(Default)]
struct Ends {
    claims: CancellationToken,
    listener: CancellationToken,
    intake: CancellationToken,
    rest: CancellationToken,
}

/// The supervised tasks.
#[derive(Default)]
struct Tasks {
    set: JoinSet<&'static str>,
    running: Vec<&'static str>,
}

impl Tasks {
    fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.running.push(name);
        self.set.spawn(async move {
            task.await;
            name
        });
    }

    /// What is learnt from Attio while serving, where there is access to it.
    fn spawn_attio(
        &mut self,
        config: &Config,
        (client, names): (Option<Client>, Option<Names>),
        store: &Store,
        prepared: &CancellationToken,
        ends: &Ends,
        metrics: &Arc<Metrics>,
    ) {
        if let Some(schedule) = Schedule::new(config, client.as_ref(), store, metrics) {
            let run = schedule.run(ends.claims.clone());
            self.spawn("reconcile", after(prepared.clone(), ends.claims.clone(), run));
        }
        if let (Some(client), Some(url)) = (client, &config.server.public_url) {
            let targets = config.sources.iter().map(|source| Target::new(url, source)).collect();
            let (metrics, end) = (Arc::clone(metrics), ends.rest.clone());
            self.spawn("webhooks", watch::watch(client, targets, watch::EVERY, metrics, end));
        }
        if let Some(names) = names {
            let learning = names.run(ends.rest.clone());
            self.spawn("names", after(prepared.clone(), ends.rest.clone(), learning));
        }
    }

    /// The next task that ends. One that panicked is called so.
    async fn next_end(&mut self) -> &'static str {
        match self.set.join_next().await {
            Some(Ok(name)) => {
                self.running.retain(|running| *running != name);
                name
            }
            Some(Err(_panic)) => "panicked",
            None => std::future::pending().await,
        }
    }

    /// Waits for one task, at the longest for `patience`.
    async fn wait_for(&mut self, name: &'static str, patience: Duration) -> bool {
        let ended = async {
            while self.running.contains(&name) {
                if self.next_end().await == "panicked" {
                    return;
                }
            }
        };
        tokio::time::timeout(patience, ended).await.is_ok()
    }
}

/// Binds both listeners and starts every part. The store may still be away: it is waited for, and
/// messages are answered 503 meanwhile.
///
/// # Errors
/// What must be mended before the program can run at all.
pub async fn start(config: Config, stop: Stop) -> Result<Running, StartError> {
    start_from(config, None, stop).await
}

/// The same, and takes over what changes in the configuration's file, where there is one.
///
/// # Errors
/// As [`start`].
pub async fn start_from(
    config: Config,
    origin: Option<Origin>,
    stop: Stop,
) -> Result<Running, StartError> {
    let metrics = Arc::new(Metrics::new());
    metrics.build_info.with([env!("CARGO_PKG_VERSION")]).set(1.0);
    let (standing, seen) = reload::first(origin.as_ref(), &metrics);
    let store = Store::new(&config.store, Uuid::now_v7())?;
    let serve_lock = store.serve_lock()?;
    let tls = config.server.tls.as_ref().map(Acceptor::new).transpose()?;
    let routes = routing::Shared::new(RouteTable::new(&config.routes));
    let catalog = catalog::Shared::default();
    let client =
        config.attio.as_ref().map(|it| Client::new(it, Arc::clone(&metrics))).transpose()?;
    let (desk, answering) = Desk::new(store.lane(LaneKind::Look, QUEUE_DEADLINE));
    let enrich = Enrich::new(&config, client.clone(), catalog.clone(), desk.clone());
    let names = enrich.names();
    let (dispatch, loops) = Dispatch::new(
        &config,
        routes.clone(),
        store.lane(LaneKind::Claim, QUEUE_DEADLINE),
        store.lane(LaneKind::Outcome, QUEUE_DEADLINE),
        (enrich.clone(), desk),
        Arc::clone(&metrics),
    )?;
    let ends = Ends::default();
    let intake_lane = store.lane(LaneKind::Intake, config.server.ack_timeout);
    let (intake, committing) = Intake::new(
        routes.clone(),
        catalog,
        &dispatch,
        intake_lane,
        Arc::clone(&metrics),
        &ends.intake,
    );

    let draining = Arc::new(AtomicBool::new(false));
    let health = Health::new(Arc::clone(&draining), intake.ability());
    let door =
        Door::new(&config.sources, DoorLimits::new(&config.server), intake, Arc::clone(&metrics));
    let public = bind(
        config.server.listen,
        config.server.max_connections,
        Arc::clone(&door).router(&health),
    )
    .await?
    .with_tls(tls.clone())
    .with_draining(Arc::clone(&draining))
    .with_metrics(Arc::clone(&metrics));
    let look = Arc::new(Look::new(&store, routes.clone()));
    let access = Access::new(&config.server);
    let private = admin::router(&health, standing.clone(), Arc::clone(&metrics), access, look);
    let admin = bind(config.server.admin_listen, ADMIN_CONNECTIONS, private).await?;
    let (public_at, admin_at) = (address(&public, &config)?, address(&admin, &config)?);

    let prepared = CancellationToken::new();
    let (report_unusable, unusable) = mpsc::channel(1);
    let mut tasks = Tasks::default();
    tasks.spawn("public listener", public.serve(ends.listener.clone()));
    tasks.spawn("private listener", admin.serve(ends.rest.clone()));
    if let Some(tls) = tls {
        tasks.spawn("certificate", tls.watch(Arc::clone(&metrics), ends.rest.clone()));
    }
    dispatch.check_destinations();
    if let Some(origin) = origin {
        let (dispatch, metrics) = (dispatch.clone(), Arc::clone(&metrics));
        let parts = reload::Parts { routes, dispatch, enrich, door, metrics, standing };
        let watching = parts.watch(origin, seen, Arc::clone(&stop.reread), ends.claims.clone());
        tasks.spawn("reload", watching);
    }
    let (claiming, writing) = loops.split(ends.claims.clone());
    tasks.spawn("intake", after(prepared.clone(), ends.intake.clone(), committing));
    tasks.spawn("claim", after(prepared.clone(), ends.claims.clone(), claiming));
    tasks.spawn("outcome", writing);
    tasks.spawn("desk", answering);
    tasks.spawn_attio(&config, (client, names), &store, &prepared, &ends, &metrics);
    let sample_lane = store.lane(LaneKind::Sample, QUEUE_DEADLINE);
    let sampling = sampling::run(
        sample_lane,
        Arc::clone(dispatch.limits()),
        Arc::clone(&metrics),
        ends.rest.clone(),
    );
    tasks.spawn("sampling", after(prepared.clone(), ends.rest.clone(), sampling));
    tasks.spawn(
        "preparing",
        prepare(store, config.store.migrate, prepared.clone(), report_unusable, stop.soon.clone()),
    );
    info!(public = %public_at, admin = %admin_at, sources = config.sources.len(),
        routes = config.routes.len(), actions = config.actions.len(),
        version = env!("CARGO_PKG_VERSION"), "attio-relay runs");

    let parts = Parts {
        config,
        serve_lock,
        metrics: Arc::clone(&metrics),
        stop: stop.clone(),
        draining,
        dispatch,
        tasks,
        prepared,
        unusable,
        ends,
    };
    #[expect(clippy::disallowed_methods, reason = "the one task that supervises all others")]
    let ended = tokio::spawn(parts.run());
    Ok(Running { public: public_at, admin: admin_at, stop, metrics, ended })
}

async fn bind(
    address: SocketAddr,
    most: usize,
    router: listener::Router,
) -> Result<Listener, StartError> {
    Listener::bind(address, most, router).await.map_err(|cause| StartError::Bind { address, cause })
}

fn address(listener: &Listener, config: &Config) -> Result<SocketAddr, StartError> {
    let address = config.server.listen;
    listener.address().map_err(|cause| StartError::Bind { address, cause })
}

/// Runs a loop once the store is prepared; not at all when it is to end before that.
async fn after(prepared: CancellationToken, end: CancellationToken, run: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        () = prepared.cancelled() => run.await,
        () = end.cancelled() => {}
    }
}

/// Makes the store ready, however long that takes.
async fn prepare(
    store: Store,
    migrate: bool,
    prepared: CancellationToken,
    report_unusable: mpsc::Sender<String>,
    stop: CancellationToken,
) {
    loop {
        match store.prepare(migrate).await {
            Ok(()) => {
                info!("the store is ready");
                return prepared.cancel();
            }
            Err(StoreError::Unusable(why)) => {
                let _told_before = report_unusable.send(why).await;
                return;
            }
            Err(error) => {
                warn!(
                    error = error_text(&error),
                    "the store is away; answering 503 until it is there"
                );
            }
        }
        if stop.run_until_cancelled(tokio::time::sleep(PREPARE_PAUSE)).await.is_none() {
            return;
        }
    }
}

impl Parts {
    async fn run(mut self) -> Result<(), Failure> {
        let result = self.until_stop().await;
        if let Err(failure) = &result {
            error!(%failure, "stopping");
        }
        let now = self.stop.now.clone();
        tokio::select! {
            () = self.wind_down() => {}
            () = now.cancelled() => warn!("stopped at once: leases of what was running will run out"),
            () = tokio::time::sleep(STOP_LIMIT) => {
                warn!("the stop took too long: leases of what was running will run out");
            }
        }
        result
    }

    /// Runs until a stop is asked for, or something ends that should not.
    async fn until_stop(&mut self) -> Result<(), Failure> {
        loop {
            tokio::select! {
                () = self.stop.soon.cancelled() => return Ok(()),
                Some(why) = self.unusable.recv() => return Err(Failure::Store(why)),
                name = self.tasks.next_end() => match name {
                    "preparing" => {}
                    name => return Err(Failure::Task(name)),
                },
            }
        }
    }

    /// Readiness goes; the listener closes; the last batch is committed; attempts end or are cut
    /// off; outcomes are written.
    async fn wind_down(mut self) {
        self.draining.store(true, Ordering::Relaxed);
        self.dispatch.drain();
        self.ends.claims.cancel();
        if self.prepared.is_cancelled() {
            tokio::time::sleep(self.config.server.drain_delay).await;
        }
        self.ends.listener.cancel();
        self.tasks.wait_for("public listener", Duration::from_secs(10)).await;
        if !self.prepared.is_cancelled() || !self.tasks.wait_for("intake", WRITING_PATIENCE).await {
            self.ends.intake.cancel();
            self.tasks.wait_for("intake", WRITING_PATIENCE).await;
        }
        self.tasks.wait_for("claim", WRITING_PATIENCE).await;
        self.tasks.wait_for("reconcile", WRITING_PATIENCE).await;
        self.dispatch.finish_attempts(ATTEMPTS_PATIENCE).await;
        drop(self.dispatch);
        if !self.tasks.wait_for("outcome", WRITING_PATIENCE).await {
            warn!("the last outcomes could not be written; their leases will run out");
        }
        self.ends.rest.cancel();
        self.tasks.wait_for("private listener", WRITING_PATIENCE).await;
        drop(self.serve_lock);
        info!("stopped");
        self.metrics.upkeep();
    }
}
