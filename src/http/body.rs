//! Reading a body: bounded in bytes, in time, and together with all others in memory.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

use super::answer::Answer;

/// How long the rest of an unwanted body is read and thrown away, so that the answer is seen: a
/// close with unread bytes would reset the connection (RFC 9112, section 9.6).
const LINGER: Duration = Duration::from_secs(1);

/// The memory that all bodies share, in bytes.
#[derive(Debug, Clone)]
pub(super) struct Memory(Arc<Semaphore>);

/// A body, with the memory that it holds until this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) bytes: Bytes,
    _memory: Option<OwnedSemaphorePermit>,
}

impl Memory {
    pub(super) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS))))
    }

    fn take(&self, bytes: usize) -> Result<Option<OwnedSemaphorePermit>, Answer> {
        if bytes == 0 {
            return Ok(None);
        }
        let permits = u32::try_from(bytes).map_err(|_| Answer::Unavailable)?;
        let permit = Arc::clone(&self.0).try_acquire_many_owned(permits);
        permit.map(Some).map_err(|_| Answer::Unavailable)
    }
}

/// Reads a whole body. `declared` is its `Content-Length`, already known to be within the limit.
pub(super) async fn read(
    body: &mut Body,
    declared: Option<usize>,
    limit: usize,
    memory: &Memory,
    deadline: Instant,
) -> Result<Held, Answer> {
    let reading = collect(body, declared, limit, memory);
    tokio::time::timeout_at(deadline.into(), reading).await.unwrap_or(Err(Answer::Timeout))
}

async fn collect(
    body: &mut Body,
    declared: Option<usize>,
    limit: usize,
    memory: &Memory,
) -> Result<Held, Answer> {
    let mut held = memory.take(declared.unwrap_or(0))?;
    let mut first: Option<Bytes> = None;
    let mut joined = BytesMut::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        // The client is gone or breaks the protocol: nobody will see the answer.
        let Ok(data) = frame.map_err(|_| Answer::Timeout)?.into_data() else { continue };
        length += data.len();
        if length > limit {
            return Err(Answer::TooLarge);
        }
        if declared.is_none() {
            let more = memory.take(data.len())?;
            match (&mut held, more) {
                (Some(held), Some(more)) => held.merge(more),
                (held, more) => *held = more.or(held.take()),
            }
        }
        match first.take() {
            None if joined.is_empty() => first = Some(data),
            None => joined.extend_from_slice(&data),
            Some(start) => {
                joined.reserve(declared.unwrap_or(start.len() + data.len()));
                joined.extend_from_slice(&start);
                joined.extend_from_slice(&data);
            }
        }
    }
    let bytes = first.unwrap_or_else(|| joined.freeze());
    Ok(Held { bytes, _memory: held })
}

/// Reads the rest of a body that nobody wants, for a while, beside the answer.
pub(super) fn discard(mut body: Body, tasks: &TaskTracker) {
    if http_body::Body::is_end_stream(&body) {
        return;
    }
    tasks.spawn(tokio::time::timeout(LINGER, async move {
        while let Some(Ok(_)) = body.frame().await {}
    }));
}
