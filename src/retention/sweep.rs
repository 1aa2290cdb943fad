//! One walk over what is old: events with all that hangs on them, then bodies, messages and acts.
//!
//! Each walk goes along a primary key, from the oldest on, and remembers where it is: what must
//! stay is passed once a day, not with every batch. Every batch is one transaction, so whatever ends
//! this in the middle leaves nothing half.

use std::collections::HashSet;

use time::OffsetDateTime;
use uuid::Uuid;

use super::{Halt, Retention, due::Due, whole};
use crate::{
    intake::digest,
    store::{OldMessage, Range, Slimmed, StoreError, moment_between},
};

/// Rows that are looked at at once. With each such look the store passes some seconds of rows around
/// them: many looks at few would be felt more than few looks at many.
const CHUNK: usize = 2000;

/// Bytes of bodies that are read at once, one body at the least.
const BODIES: u64 = 1024 * 1024;

/// How far the walks are.
#[derive(Debug, Default)]
pub(super) struct Walks {
    events: Uuid,
    bodies: Uuid,
    messages: Uuid,
}

impl Retention {
    /// Walks as far as anything is due.
    pub(super) async fn walk(&mut self, due: &Due) -> Result<(), Halt> {
        while self.walk_events(due).await? {}
        if let Some(before) = due.bodies {
            while self.walk_bodies(before).await? {}
        }
        while self.walk_messages(due.messages).await? {}
        self.walk_acts(due.acts).await?;
        self.walk_tallies(due.tallies).await
    }

    async fn walk_events(&mut self, due: &Due) -> Result<bool, Halt> {
        let events = self.read.old_events(self.walks.events, due.events, CHUNK).await?;
        let Some(&last) = events.last() else { return Ok(false) };
        let mut rest = &whole::removable(&mut self.read, &events, due.ended).await?[..];
        while !rest.is_empty() {
            let (batch, others) = rest.split_at(self.pace.batch().min(rest.len()));
            rest = others;
            let began = std::time::Instant::now();
            let removed = self.write.remove_events(batch).await?;
            self.count("events", removed.events);
            self.count("deliveries", removed.deliveries);
            self.count("attempts", removed.attempts);
            self.count("snapshots", removed.snapshots);
            self.rest_after(began).await?;
        }
        self.walks.events = last;
        Ok(true)
    }

    async fn walk_bodies(&mut self, before: Uuid) -> Result<bool, Halt> {
        let messages = self.read.old_messages(self.walks.bodies, before, CHUNK).await?;
        let Some(last) = messages.last().map(|last| last.id) else { return Ok(false) };
        let mut bare = self.without_events(messages).await?;
        bare.retain(|message| !message.is_slim);
        let mut rest = &bare[..];
        while !rest.is_empty() {
            let (batch, others) = rest.split_at(fitting(rest, self.pace.batch()));
            rest = others;
            let began = std::time::Instant::now();
            let slimmed = self.slim(batch).await?;
            self.count("bodies", slimmed);
            self.rest_after(began).await?;
        }
        self.walks.bodies = last;
        Ok(true)
    }

    async fn slim(&mut self, batch: &[OldMessage]) -> Result<u64, StoreError> {
        let ids: Vec<Uuid> = batch.iter().map(|message| message.id).collect();
        let released: Vec<Uuid> = batch.iter().filter_map(|message| message.released).collect();
        let bodies = self.read.bodies(&ids).await?;
        let slimmed: Vec<Slimmed> =
            bodies.into_iter().map(|(id, body)| Slimmed { id, digest: digest(&body) }).collect();
        self.write.slim_messages(&slimmed, &released).await
    }

    async fn walk_messages(&mut self, before: Uuid) -> Result<bool, Halt> {
        let messages = self.read.old_messages(self.walks.messages, before, CHUNK).await?;
        let Some(last) = messages.last().map(|last| last.id) else { return Ok(false) };
        let bare = self.without_events(messages).await?;
        let mut rest = &bare[..];
        while !rest.is_empty() {
            let (batch, others) = rest.split_at(self.pace.batch().min(rest.len()));
            rest = others;
            let began = std::time::Instant::now();
            let removed = self.write.remove_messages(batch).await?;
            self.count("messages", removed);
            self.rest_after(began).await?;
        }
        self.walks.messages = last;
        Ok(true)
    }

    async fn walk_acts(&mut self, before: Uuid) -> Result<(), Halt> {
        while {
            let (began, batch) = (std::time::Instant::now(), self.pace.batch());
            let removed = self.write.remove_acts(before, batch).await?;
            self.count("acts", removed);
            self.rest_after(began).await?;
            removed == batch as u64
        } {}
        Ok(())
    }

    async fn walk_tallies(&mut self, before: OffsetDateTime) -> Result<(), Halt> {
        while {
            let (began, batch) = (std::time::Instant::now(), self.pace.batch());
            let removed = self.write.remove_tallies(before, batch).await?;
            self.count("tallies", removed);
            self.rest_after(began).await?;
            removed == batch as u64
        } {}
        Ok(())
    }

    /// The messages that have no events: none of their own moment, and none of their release's.
    async fn without_events(
        &mut self,
        mut messages: Vec<OldMessage>,
    ) -> Result<Vec<OldMessage>, StoreError> {
        let ends = messages.first().zip(messages.last());
        let Some(moments) = ends.map(|(first, last)| moment_between(first.id, last.id)) else {
            return Ok(messages);
        };
        let ids: Vec<Uuid> = messages.iter().map(|message| message.id).collect();
        let mut told = self.told_by(moments, &ids).await?;
        for message in &messages {
            if let Some(released) = message.released {
                let moment = moment_between(released, released);
                told.extend(self.told_by(moment, &[message.id]).await?);
            }
        }
        messages.retain(|message| !told.contains(&message.id));
        Ok(messages)
    }

    async fn told_by(
        &mut self,
        events: Range,
        messages: &[Uuid],
    ) -> Result<HashSet<Uuid>, StoreError> {
        Ok(self.read.told_by(events, messages).await?.into_iter().collect())
    }
}

/// How many of the first ones are read at once.
fn fitting(messages: &[OldMessage], most: usize) -> usize {
    let mut bytes = 0;
    let fits = |message: &&OldMessage| {
        bytes += message.size;
        bytes <= BODIES
    };
    messages.iter().take(most).take_while(fits).count().max(1)
}
