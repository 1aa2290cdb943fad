//! Builds every part, runs them, and stops them in order.
//!
//! Every task is supervised: one that ends unasked stops the program, which then reports failure.

mod loops;
mod preparing;
mod running;
mod tasks;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::info;
use uuid::Uuid;

pub use self::running::{Failure, Running};
use self::{
    running::Parts,
    tasks::{Ends, Tasks},
};
use crate::{
    action::TemplateProblem,
    admin::{self, access::Access, acting::Acting},
    alerts,
    attio::{
        catalog,
        client::{Client, ClientProblem},
        watch,
    },
    config::Config,
    dispatch::Dispatch,
    enrich::Enrich,
    http::{
        Door, DoorLimits, Health,
        listener::{self, Listener},
        tls::{Acceptor, TlsError},
    },
    intake::Intake,
    look::{self, Look, Lookout},
    reload::{self, Origin},
    retention::Retention,
    routing::{self, RouteTable},
    shutdown::Stop,
    sights::Sights,
    store::{Desk, LaneKind, Store, StoreError},
    telemetry::Metrics,
};

/// Calls on the queue's lanes take so long at the most.
const QUEUE_DEADLINE: Duration = Duration::from_secs(5);

/// Connections of the private listener.
const ADMIN_CONNECTIONS: usize = 256;

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

/// Binds both listeners and starts every part. The store may still be away: it is waited for, and
/// messages are answered 503 meanwhile.
///
/// # Errors
/// What must be mended before the program can run at all.
pub async fn start(config: Config, stop: Stop) -> Result<Running, StartError> {
    // Boxed, because whoever waits for it need not be as large as all that is built.
    Box::pin(start_from(config, None, stop)).await
}

/// The same, and takes over what changes in the configuration's file, where there is one.
///
/// # Errors
/// As [`start`].
#[expect(clippy::too_many_lines, reason = "what is given to whom reads best in one piece")]
pub async fn start_from(
    config: Config,
    origin: Option<Origin>,
    stop: Stop,
) -> Result<Running, StartError> {
    let metrics = Arc::new(Metrics::new());
    metrics.show(&config);
    let (standing, seen) = reload::first(&config, origin.as_ref(), &metrics);
    let process = Uuid::now_v7();
    let store = Store::new(&config.store, process)?;
    let serve_lock = store.serve_lock()?;
    let tls = config.server.tls.as_ref().map(Acceptor::new).transpose()?;
    let routes = routing::Shared::new(RouteTable::new(&config.routes));
    let catalog = catalog::Shared::default();
    let client =
        config.attio.as_ref().map(|it| Client::new(it, Arc::clone(&metrics))).transpose()?;
    let (desk, answering) = Desk::new(store.lane(LaneKind::Look, QUEUE_DEADLINE));
    let enrich = Enrich::new(&config, client.clone(), catalog.clone(), desk.clone());
    let names = enrich.names();
    let (alerts, sights) = (alerts::Settings::new(&config), Arc::<Sights>::default());
    let (dispatch, loops) = Dispatch::new(
        &config,
        routes.clone(),
        store.lane(LaneKind::Claim, QUEUE_DEADLINE),
        store.lane(LaneKind::Outcome, QUEUE_DEADLINE),
        (enrich.clone(), desk),
        (Arc::clone(&metrics), Arc::clone(&sights)),
    )?;
    let prepared = CancellationToken::new();
    let (mut tasks, ends) = (Tasks::new(prepared.clone()), Ends::default());
    let intake_lane = store.lane(LaneKind::Intake, config.server.ack_timeout);
    let (intake, committing) = Intake::new(
        routes.clone(),
        catalog,
        &dispatch,
        intake_lane,
        Arc::clone(&metrics),
        &ends.intake,
    );

    let is_busy = intake.is_busy();
    let draining = Arc::new(AtomicBool::new(false));
    let health = Health::new(Arc::clone(&draining), intake.ability());
    let seen_by_door = (Arc::clone(&metrics), Arc::clone(&sights));
    let door = Door::new(&config.sources, DoorLimits::new(&config.server), intake, seen_by_door);
    let public = bind(
        config.server.listen,
        config.server.max_connections,
        Arc::clone(&door).router(&health),
    )
    .await?
    .with_tls(tls.clone())
    .with_draining(Arc::clone(&draining))
    .with_metrics(Arc::clone(&metrics));
    let look = Look::new(&store, routes.clone()).keeping(config.store.retention);
    let told = (&metrics, client.as_ref());
    let shown = look::Parts::new(look, standing.clone(), dispatch.limits(), told, process);
    let lookout = Arc::new(Lookout::new(shown));
    let (pulse, webhooks) = lookout.fed_by();
    let access = Access::new(&config.server);
    let (limits, counted) = (Arc::clone(dispatch.limits()), Arc::clone(&metrics));
    let acting = Acting::new(&store, routes.clone(), limits, counted);
    let (here, counted) = (standing.clone(), Arc::clone(&metrics));
    let private = admin::router(&health, here, counted, access, lookout, acting);
    let admin = bind(config.server.admin_listen, ADMIN_CONNECTIONS, private).await?.with_peers();
    let public_at = address(&public, config.server.listen)?;
    let admin_at = address(&admin, config.server.admin_listen)?;

    tasks.spawn("public listener", public.serve(ends.listener.clone()));
    tasks.spawn("private listener", admin.serve(ends.rest.clone()));
    if let Some(tls) = tls {
        tasks.spawn("certificate", tls.watch(Arc::clone(&metrics), ends.rest.clone()));
    }
    loops::spawn_alerts(&mut tasks, &ends, &store, dispatch.limits(), &alerts, (&metrics, &sights));
    dispatch.check_destinations();
    let (targets, watched) = watch::Targets::new(&config);
    if let Some(origin) = origin {
        let (routes, dispatch) = (routes.clone(), dispatch.clone());
        let standing = standing.clone();
        let (metrics, sights) = (Arc::clone(&metrics), Arc::clone(&sights));
        let parts = reload::Parts {
            routes,
            dispatch,
            enrich,
            door,
            targets,
            metrics,
            standing,
            alerts,
            sights,
        };
        let watching = parts.watch(origin, seen, Arc::clone(&stop.reread), ends.claims.clone());
        tasks.spawn("reload", watching);
    }
    let (claiming, writing) = loops.split(ends.claims.clone());
    tasks.spawn_prepared("intake", &ends.intake, committing);
    tasks.spawn_prepared("claim", &ends.claims, claiming);
    tasks.spawn("outcome", writing);
    tasks.spawn("desk", answering);
    loops::spawn_attio(
        &mut tasks,
        &ends,
        &standing,
        (client, names, watched),
        &store,
        (&metrics, &sights, webhooks),
    );
    loops::spawn_counting(&mut tasks, &ends, &store, &dispatch, routes, (&metrics, pulse));
    let retention = Retention::new(&config.store, &store, &metrics, is_busy, ends.claims.clone());
    tasks.spawn_prepared("retention", &ends.claims, retention.run());
    let (report_unusable, unusable) = mpsc::channel(1);
    let soon = stop.soon.clone();
    let preparing =
        preparing::run(store, config.store.migrate, prepared.clone(), report_unusable, soon);
    tasks.spawn(preparing::NAME, preparing);
    announce(&config, public_at, admin_at);

    let parts = Parts {
        config,
        serve_lock,
        metrics,
        stop,
        draining,
        dispatch,
        tasks,
        prepared,
        unusable,
        ends,
    };
    Ok(Running::start(parts, public_at, admin_at))
}

fn announce(config: &Config, public: SocketAddr, admin: SocketAddr) {
    info!(%public, %admin, sources = config.sources.len(), routes = config.routes.len(),
        actions = config.actions.len(), version = env!("CARGO_PKG_VERSION"), "attio-relay runs");
}

async fn bind(
    address: SocketAddr,
    most: usize,
    router: listener::Router,
) -> Result<Listener, StartError> {
    Listener::bind(address, most, router).await.map_err(|cause| StartError::Bind { address, cause })
}

/// Where it listens in the end: `address` may leave the port to the operating system.
fn address(listener: &Listener, address: SocketAddr) -> Result<SocketAddr, StartError> {
    listener.address().map_err(|cause| StartError::Bind { address, cause })
}
