//! The names of a client's staff and sites, for showing ids to people.

use std::collections::HashMap;

use proto::event::Role;
use proto::{SiteId, StaffId};
use store::{Site, Staff, Tenant};

use super::shown::short;
use crate::Result;

pub(super) struct Names {
    pub(super) staff: Vec<Staff>,
    pub(super) sites: Vec<Site>,
    by_staff: HashMap<StaffId, String>,
    by_site: HashMap<SiteId, String>,
}

impl Names {
    pub(super) async fn of(tenant: &Tenant) -> Result<Self> {
        let staff = tenant.staff().await?;
        let sites = tenant.sites().await?;
        Ok(Self {
            by_staff: staff.iter().map(|s| (s.id, s.name.clone())).collect(),
            by_site: sites.iter().map(|s| (s.id, s.name.clone())).collect(),
            staff,
            sites,
        })
    }

    pub(super) fn staff(&self, id: StaffId) -> String {
        self.by_staff
            .get(&id)
            .cloned()
            .unwrap_or_else(|| format!("somebody who is gone ({})", short(id)))
    }

    /// Somebody who took part: a visitor's name is under the seal.
    pub(super) fn person(&self, role: Role, staff: Option<StaffId>) -> String {
        match (role, staff) {
            (Role::Visitor, _) => "The visitor".to_owned(),
            (Role::Agent, Some(staff)) => self.staff(staff),
            (Role::Agent, None) => "An agent".to_owned(),
        }
    }

    pub(super) fn site(&self, id: SiteId) -> String {
        self.by_site
            .get(&id)
            .cloned()
            .unwrap_or_else(|| format!("a site that is gone ({})", short(id)))
    }

    /// "Ann, Ben and Cleo".
    pub(super) fn all(&self, ids: &[StaffId]) -> String {
        let names: Vec<String> = ids.iter().map(|id| self.staff(*id)).collect();
        match names.as_slice() {
            [] => "nobody".to_owned(),
            [one] => one.clone(),
            [most @ .., last] => format!("{} and {last}", most.join(", ")),
        }
    }
}
