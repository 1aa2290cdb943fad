//! A small load balancer that honours readiness, as operators have one.
//!
//! It asks `/readyz` often, sends requests only where it was 200, keeps connections alive and
//! repeats nothing: what fails behind it fails at the client.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::wire;

/// How often readiness is asked for.
const POLL: Duration = Duration::from_millis(100);

/// A load balancer that lives as long as the value.
pub struct Balancer {
    /// Where clients connect.
    pub address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Balancer {
    /// A load balancer before these replicas.
    pub async fn start(replicas: &[SocketAddr]) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let ready = Arc::new(Mutex::new(replicas.to_vec()));
        let mut tasks = JoinSet::new();
        for &replica in replicas {
            tasks.spawn(watch(replica, Arc::clone(&ready)));
        }
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = socket.accept().await {
                let ready = Arc::clone(&ready);
                connections.spawn(async move {
                    // The client sees that its connection ended.
                    let _ended = serve(client, &ready).await;
                });
            }
        });
        Self { address, _tasks: tasks }
    }
}

async fn watch(replica: SocketAddr, ready: Arc<Mutex<Vec<SocketAddr>>>) {
    loop {
        let is_ready = wire::get(replica, "/readyz").await.is_ok_and(|answer| answer.status == 200);
        {
            let mut ready = ready.lock().unwrap();
            ready.retain(|other| *other != replica);
            if is_ready {
                ready.push(replica);
            }
        }
        tokio::time::sleep(POLL).await;
    }
}

/// One client's connection; each replica has one of its own behind it.
async fn serve(mut client: TcpStream, ready: &Mutex<Vec<SocketAddr>>) -> std::io::Result<()> {
    let mut kept: HashMap<SocketAddr, TcpStream> = HashMap::new();
    while let Some(request) = wire::read(&mut client).await? {
        let replica = {
            let ready = ready.lock().unwrap();
            ready[fastrand::usize(..ready.len())]
        };
        let mut stream = match kept.remove(&replica) {
            Some(stream) => stream,
            None => TcpStream::connect(replica).await?,
        };
        let request = format!("{}\r\n\r\n{}", request.head, request.body);
        let answer = wire::exchange(&mut stream, request.as_bytes()).await?;
        if !answer.closes() {
            kept.insert(replica, stream);
        }
        let (status, length) = (answer.status, answer.body.len());
        let head = format!("HTTP/1.1 {status} -\r\nContent-Length: {length}\r\n\r\n");
        client.write_all((head + &answer.body).as_bytes()).await?;
    }
    Ok(())
}
