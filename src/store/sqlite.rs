//! SQLite: the laptop's store.

use uuid::Uuid;

use super::{Backlog, Claimed, Existing, LaneKind, NewMessage, Outcome, SchemaStatus, StoreError, Want};

/// A SQLite file.
#[derive(Debug, Clone)]
pub struct Sqlite {}

impl Sqlite {
    pub(super) fn new(_path: &str, _process: Uuid) -> Self {
        Self {}
    }
    pub(super) async fn prepare(&self, _migrate: bool) -> Result<(), StoreError> {
        Err(StoreError::Unusable("not yet".to_owned()))
    }
    pub(super) async fn schema_status(&self) -> Result<SchemaStatus, StoreError> {
        Err(StoreError::Unusable("not yet".to_owned()))
    }
    pub(super) fn lane(&self, _kind: LaneKind) -> Lane {
        Lane {}
    }
}

/// One purpose.
#[derive(Debug)]
pub struct Lane {}

impl Lane {
    pub(super) async fn ping(&mut self) -> Result<(), StoreError> {
        Err(StoreError::Unusable("not yet".to_owned()))
    }
    pub(super) async fn record(&mut self, _: &[&NewMessage]) -> Result<Vec<Uuid>, StoreError> {
        Err(StoreError::Unusable("not yet".to_owned()))
    }
    pub(super) async fn existing(&mut self, _: &[[u8; 32]]) -> Result<Vec<Existing>, StoreError> {
        Err(StoreError::Unusable("not yet".to_owned()))
    }
    pub(super) async fn claim(&mut self, _: &[Want]) -> Result<Vec<Claimed>, StoreError> {
        Err(StoreError::Unusable("not yet".to_owned()))
    }
    pub(super) async fn finish(&mut self, _: &[Outcome]) -> Result<Vec<Uuid>, StoreError> {
        Err(StoreError::Unusable("not yet".to_owned()))
    }
    pub(super) async fn adopt(&mut self, _: &[&str]) -> Result<u64, StoreError> {
        Err(StoreError::Unusable("not yet".to_owned()))
    }
    pub(super) async fn backlog(&mut self) -> Result<Vec<Backlog>, StoreError> {
        Err(StoreError::Unusable("not yet".to_owned()))
    }
}
