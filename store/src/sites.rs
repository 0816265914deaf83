//! Sites: the pages that carry the widget.

use proto::notice::Modality;
use proto::{Hash32, SiteId};

use crate::value::{Json, Row, args};
use crate::{Result, StoreError, Tenant};

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
        // The index first: a crash in between leaves a site that is not found, and this call can
        // be made again.
        let mut tx = self.control().tx("control.index_site").await?;
        let listed = tx
            .run(
                "INSERT INTO site_index (site, tenant) VALUES ($1, $2)
                 ON CONFLICT (site) DO UPDATE SET tenant = excluded.tenant
                 WHERE site_index.tenant = excluded.tenant",
                args![site.id, self.id()],
            )
            .await?;
        if listed == 0 {
            return Err(StoreError::Conflict("control.index_site"));
        }
        tx.commit().await?;
        let mut tx = self.tx("sites.put").await?;
        tx.run(
            "INSERT INTO sites (id, name, accent, origins, modalities) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, accent = excluded.accent,
                origins = excluded.origins, modalities = excluded.modalities",
            args![
                site.id,
                site.name.clone(),
                site.accent.clone(),
                Json(site.origins.clone()),
                site.modalities.clone()
            ],
        )
        .await?;
        tx.commit().await
    }

    /// The site with this id.
    pub async fn site(&self, id: SiteId) -> Result<Option<Site>> {
        let mut tx = self.read("sites.one").await?;
        let site = "SELECT id, name, accent, origins, modalities FROM sites WHERE id = $1";
        let Some(row) = tx.row(site, args![id]).await? else {
            return Ok(None);
        };
        let mut site = read_site(row)?;
        let notices = "SELECT language, notice FROM site_notices WHERE site = $1 ORDER BY language";
        for mut row in tx.rows(notices, args![id]).await? {
            site.notices.push(SiteNotice {
                language: row.take()?,
                notice: row.take()?,
            });
        }
        tx.commit().await?;
        Ok(Some(site))
    }

    /// All sites, by name.
    pub async fn sites(&self) -> Result<Vec<Site>> {
        let mut tx = self.read("sites.all").await?;
        let sites = "SELECT id, name, accent, origins, modalities FROM sites ORDER BY name, id";
        let rows = tx.rows(sites, []).await?;
        let mut sites = rows
            .into_iter()
            .map(read_site)
            .collect::<Result<Vec<_>>>()?;
        let notices = "SELECT site, language, notice FROM site_notices ORDER BY language";
        for mut row in tx.rows(notices, []).await? {
            let id: SiteId = row.take()?;
            let notice = SiteNotice {
                language: row.take()?,
                notice: row.take()?,
            };
            if let Some(site) = sites.iter_mut().find(|site| site.id == id) {
                site.notices.push(notice);
            }
        }
        tx.commit().await?;
        Ok(sites)
    }
}

/// `id, name, accent, origins, modalities`.
fn read_site(mut row: Row) -> Result<Site> {
    Ok(Site {
        id: row.take()?,
        name: row.take()?,
        accent: row.take()?,
        origins: row.take::<Json<_>>()?.0,
        modalities: row.take()?,
        notices: Vec::new(),
    })
}
