//! Sites: the pages that carry the widget.

use proto::notice::Modality;
use proto::{Hash32, SiteId};

use crate::{Result, Tenant};

/// A site to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSite {
    /// Its id.
    pub id: SiteId,
    /// Its name, for staff.
    pub name: String,
    /// Accent colour, `#rrggbb`.
    pub accent: Option<String>,
    /// Exact origins (`https://shop.example`) whose pages may frame the widget.
    pub origins: Vec<String>,
    /// Offered here.
    pub modalities: Vec<Modality>,
}

/// A site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its id.
    pub id: SiteId,
    /// Its name, for staff.
    pub name: String,
    /// Accent colour, `#rrggbb`.
    pub accent: Option<String>,
    /// Exact origins whose pages may frame the widget.
    pub origins: Vec<String>,
    /// Offered here.
    pub modalities: Vec<Modality>,
    /// The current notice in each language, by language.
    pub notices: Vec<SiteNotice>,
}

/// A site's current notice in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteNotice {
    /// BCP 47.
    pub language: String,
    /// SHA-256 of its bytes.
    pub notice: Hash32,
}

impl Tenant {
    /// Keeps a site, and lists it in the control plane's index. The same id again changes it.
    pub async fn put_site(&self, site: &NewSite) -> Result<()> {
        let _ = site;
        todo!()
    }

    /// The site with this id.
    pub async fn site(&self, id: SiteId) -> Result<Option<Site>> {
        let _ = id;
        todo!()
    }

    /// All sites, by name.
    pub async fn sites(&self) -> Result<Vec<Site>> {
        todo!()
    }
}
