//! Clients, sites, agents, officers.

use proto::notice::Modality;
use proto::{PublicKey, SiteId, StaffId, TenantId};
use store::{NewSite, NewStaff, NewTenant, StaffRole};

use super::{Answer, Unlocking, tag, unlocking};
use crate::Recorder;
use crate::custody::{self, NewOfficer};
use crate::error::{Error, Result};
use crate::keys::Passphrase;
use crate::password;
use crate::terminal::escape;

pub(super) async fn client_add(
    recorder: &Recorder,
    slug: String,
    name: String,
    root: PublicKey,
    answer: &Answer,
) -> Result<()> {
    let tenant = recorder
        .store
        .create_tenant(NewTenant {
            id: TenantId::random(&mut recorder.rng()),
            slug,
            name,
            root_key: root,
            created: recorder.now().whole_seconds(),
        })
        .await?;
    custody::tenant_made(recorder, &tenant).await?;
    answer
        .line(format!(
            "Client {} is made. Its root is pinned: {}. Add at least two officers, then a key (`recorder key rotate`).",
            escape(&tenant.info().slug),
            root.fingerprint()
        ))
        .await?;
    answer.line(tenant.id().to_string()).await
}

pub(super) async fn client_list(recorder: &Recorder, answer: &Answer) -> Result<()> {
    for tenant in recorder.store.control().tenants().await? {
        answer
            .line(format!(
                "{}  {}  {}",
                tenant.id,
                escape(&tenant.slug),
                escape(&tenant.name)
            ))
            .await?;
    }
    Ok(())
}

/// What a site is made of.
pub(super) struct Site {
    pub(super) name: String,
    pub(super) accent: Option<String>,
    pub(super) origins: Vec<String>,
    pub(super) modalities: Vec<Modality>,
}

pub(super) async fn site_add(
    recorder: &Recorder,
    client: &str,
    site: Site,
    answer: &Answer,
) -> Result<()> {
    let tenant = recorder.tenant(client).await?;
    exact(&site.origins)?;
    let id = SiteId::random(&mut recorder.rng());
    let lines = tag::lines(id, &tenant.info().name, site.accent.as_deref());
    tenant
        .put_site(&NewSite {
            id,
            name: site.name,
            accent: site.accent,
            origins: site.origins,
            modalities: site.modalities,
        })
        .await?;
    for line in lines {
        answer.line(line).await?;
    }
    answer.line(id.to_string()).await
}

pub(super) async fn site_origins(
    recorder: &Recorder,
    client: &str,
    id: SiteId,
    origins: Vec<String>,
    answer: &Answer,
) -> Result<()> {
    let tenant = recorder.tenant(client).await?;
    exact(&origins)?;
    let site = tenant.site(id).await?.ok_or(Error::NotFound("site"))?;
    let said = format!("{}  {}", escape(&site.name), origins.join(" "));
    tenant
        .put_site(&NewSite {
            id,
            name: site.name,
            accent: site.accent,
            origins,
            modalities: site.modalities,
        })
        .await?;
    answer.line(said).await
}

fn exact(origins: &[String]) -> Result<()> {
    for origin in origins {
        let exact = origin
            .strip_prefix("https://")
            .or_else(|| origin.strip_prefix("http://"))
            .is_some_and(|host| {
                !host.is_empty() && !host.contains(['/', '*', '?', '#', '@', ' ', ';', ','])
            });
        if !exact {
            return Err(Error::refused(format!(
                "{} is not an exact origin such as https://shop.example",
                escape(origin)
            )));
        }
    }
    Ok(())
}

pub(super) async fn site_list(recorder: &Recorder, client: &str, answer: &Answer) -> Result<()> {
    for site in recorder.tenant(client).await?.sites().await? {
        let languages: Vec<String> = site.notices.iter().map(|n| escape(&n.language)).collect();
        answer
            .line(format!(
                "{}  {}  {}  offers: {}  notices: {}",
                site.id,
                escape(&site.name),
                site.origins.join(" "),
                site.modalities
                    .iter()
                    .map(|modality| modality.name())
                    .collect::<Vec<_>>()
                    .join(" "),
                if languages.is_empty() {
                    "none".to_owned()
                } else {
                    languages.join(" ")
                }
            ))
            .await?;
    }
    Ok(())
}

pub(super) async fn agent_add(
    recorder: &Recorder,
    client: &str,
    sign_in: String,
    name: String,
    password: Passphrase,
    answer: &Answer,
) -> Result<()> {
    let tenant = recorder.tenant(client).await?;
    if !password.is_long_enough() {
        return Err(Error::refused(format!(
            "a password needs at least {} characters",
            crate::keys::passphrase::PASSPHRASE_MIN
        )));
    }
    let phc = recorder
        .one_at_a_time
        .run(move || password::hash(&password, &mut crate::entropy::system()))
        .await??;
    let id = StaffId::random(&mut recorder.rng());
    tenant
        .add_staff(&NewStaff {
            id,
            sign_in,
            name,
            role: StaffRole::Agent,
            password: phc,
            created: recorder.now().whole_seconds(),
        })
        .await?;
    answer.line(id.to_string()).await
}

pub(super) async fn officer_add(
    recorder: &Recorder,
    client: &str,
    new: NewOfficer,
    by: &[Unlocking],
    answer: &Answer,
) -> Result<()> {
    let tenant = recorder.tenant(client).await?;
    let by = unlocking(&tenant, by).await?;
    let id = custody::add_officer(recorder, &tenant, new, &by).await?;
    if let Some(key) = tenant.officer_key(id).await? {
        answer
            .line(format!(
                "The officer's key has the fingerprint {}: it is shown again whenever something is sealed to it.",
                key.public_key.fingerprint()
            ))
            .await?;
    }
    answer.line(id.to_string()).await
}

pub(super) async fn staff_list(recorder: &Recorder, client: &str, answer: &Answer) -> Result<()> {
    let tenant = recorder.tenant(client).await?;
    for staff in tenant.staff().await? {
        let role = match staff.role {
            StaffRole::Agent => "agent",
            StaffRole::Officer => "officer",
        };
        answer
            .line(format!(
                "{}  {role}  {}  {}",
                staff.id,
                escape(&staff.sign_in),
                escape(&staff.name)
            ))
            .await?;
    }
    Ok(())
}
