//! The tenants that are open: opened when first used, the longest unused one closed to make room.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use proto::TenantId;
use tokio::sync::OnceCell;

use crate::db::Db;
use crate::fold::Fold;
use crate::schema;
use crate::store::{Engine, Inner};
use crate::value::args;
use crate::{Result, StoreError};

/// A tenant's opened databases.
#[derive(Debug)]
pub(crate) struct Plane {
    /// Its rows.
    pub(crate) data: Db,
    /// Small writes that share a transaction.
    pub(crate) fold: Fold,
    wraps: Db,
    wraps_ready: OnceCell<()>,
}

impl Plane {
    /// Its wraps. The relay never asks, so it never opens that file.
    pub(crate) async fn wraps(&self) -> Result<&Db> {
        self.wraps_ready
            .get_or_try_init(|| schema::WRAPS.apply(&self.wraps))
            .await?;
        Ok(&self.wraps)
    }

    async fn close(&self) {
        self.data.close().await;
        self.wraps.close().await;
    }
}

/// Opened tenants by id.
#[derive(Debug)]
pub(crate) struct OpenTenants {
    most: usize,
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    uses: u64,
    by_id: HashMap<TenantId, Slot>,
}

#[derive(Debug)]
struct Slot {
    last_use: u64,
    plane: Arc<OnceCell<Arc<Plane>>>,
}

impl OpenTenants {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most: most.max(1),
            slots: Mutex::default(),
        }
    }

    /// The tenant's databases, opened now if they are not. A database that is put away here closes
    /// when the last call that uses it ends.
    pub(crate) async fn plane(&self, inner: &Inner, id: TenantId) -> Result<Arc<Plane>> {
        let cell = self.cell(id);
        let plane = cell.get_or_try_init(|| opening(inner, id)).await?;
        Ok(Arc::clone(plane))
    }

    /// Closes a tenant's databases and waits for it.
    pub(crate) async fn close(&self, id: TenantId) {
        let slot = self.slots().by_id.remove(&id);
        if let Some(plane) = slot.as_ref().and_then(|slot| slot.plane.get()) {
            plane.close().await;
        }
    }

    /// Closes everything and waits for it.
    pub(crate) async fn close_all(&self) {
        let ids: Vec<_> = self.slots().by_id.keys().copied().collect();
        for id in ids {
            self.close(id).await;
        }
    }

    fn cell(&self, id: TenantId) -> Arc<OnceCell<Arc<Plane>>> {
        let mut slots = self.slots();
        slots.uses += 1;
        let now = slots.uses;
        if let Some(slot) = slots.by_id.get_mut(&id) {
            slot.last_use = now;
            return Arc::clone(&slot.plane);
        }
        if slots.by_id.len() >= self.most {
            let oldest = slots.by_id.iter().min_by_key(|(_, slot)| slot.last_use);
            if let Some(oldest) = oldest.map(|(id, _)| *id) {
                slots.by_id.remove(&oldest);
            }
        }
        let plane = Arc::default();
        let slot = Slot {
            last_use: now,
            plane: Arc::clone(&plane),
        };
        slots.by_id.insert(id, slot);
        plane
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Its type is written out so that whoever spawns a call of this crate need not be shown that
/// sqlx's futures can move between threads: the compiler cannot yet prove that for any lifetime.
fn opening(
    inner: &Inner,
    id: TenantId,
) -> Pin<Box<dyn Future<Output = Result<Arc<Plane>>> + Send + '_>> {
    Box::pin(open(inner, id))
}

async fn open(inner: &Inner, id: TenantId) -> Result<Arc<Plane>> {
    // A handle may be older than the decision to forget its tenant.
    let known = "SELECT 1 FROM tenants WHERE id = $1";
    let row = inner.control.row("tenant.known", known, args![id]).await?;
    row.ok_or(StoreError::NoSuchTenant)?;
    let (data, wraps) = match &inner.engine {
        Engine::Sqlite(folder) => (folder.tenant(id), folder.wraps(id)),
        Engine::Postgres(cluster) => (cluster.tenant(id), cluster.wraps(id)),
    };
    schema::TENANT.apply(&data).await?;
    Ok(Arc::new(Plane {
        fold: Fold::start(data.clone()),
        data,
        wraps,
        wraps_ready: OnceCell::new(),
    }))
}
