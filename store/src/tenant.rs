//! One client's plane. Every data call has a [`Tenant`] as its receiver.

use core::fmt;
use std::sync::Arc;

use proto::TenantId;

use crate::db::{Db, Tx};
use crate::fold::SmallWrite;
use crate::open::Plane;
use crate::store::Inner;
use crate::value::{Row, Value};
use crate::{Result, TenantInfo};

/// One client's rows: it reaches itself and nobody else. A handle: clones are cheap.
#[derive(Clone)]
pub struct Tenant {
    inner: Arc<Inner>,
    info: Arc<TenantInfo>,
}

impl Tenant {
    pub(crate) fn new(inner: Arc<Inner>, info: TenantInfo) -> Self {
        Self {
            inner,
            info: Arc::new(info),
        }
    }

    /// Its id.
    pub fn id(&self) -> TenantId {
        self.info.id
    }

    /// Its entry in the control plane, as it was when this handle was made.
    pub fn info(&self) -> &TenantInfo {
        &self.info
    }

    /// The control plane, for the few calls that keep its index in step.
    pub(crate) fn control(&self) -> &Db {
        &self.inner.control
    }

    pub(crate) async fn data(&self) -> Result<Arc<Plane>> {
        self.inner.open.plane(&self.inner, self.info.id).await
    }

    pub(crate) async fn wraps(&self) -> Result<Db> {
        let plane = self.data().await?;
        Ok(plane.wraps().await?.clone())
    }

    /// Begins a named transaction that writes.
    pub(crate) async fn tx(&self, name: &'static str) -> Result<Tx> {
        self.data().await?.data.tx(name).await
    }

    /// Begins a transaction that reads.
    pub(crate) async fn read(&self, name: &'static str) -> Result<Tx> {
        self.data().await?.data.read(name).await
    }

    /// One reading statement.
    pub(crate) async fn rows(
        &self,
        name: &'static str,
        sql: &'static str,
        args: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<Row>> {
        self.data().await?.data.rows(name, sql, args).await
    }

    /// One reading statement's first row.
    pub(crate) async fn row(
        &self,
        name: &'static str,
        sql: &'static str,
        args: impl IntoIterator<Item = Value>,
    ) -> Result<Option<Row>> {
        self.data().await?.data.row(name, sql, args).await
    }

    /// A write that shares its transaction with others that wait.
    pub(crate) async fn fold<W: SmallWrite>(&self, write: W) -> Result<W::Out> {
        self.data().await?.fold.write(write).await
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tenant({})", self.info.id)
    }
}
