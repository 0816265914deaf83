//! Publishing a notice: it is held to what the law demands of one before anybody is shown it.

use proto::SiteId;
use proto::notice::{Basis, Modality, Notice, Purpose, RecordingMode};
use store::NewSite;
use url::Url;

use super::Answer;
use crate::Recorder;
use crate::error::{Error, Result};
use crate::log::What;
use crate::terminal::escape;

/// The purpose that talking is.
const CONVERSATION: &str = "conversation";
/// The purpose that recording is; a receipt keeps it apart.
const RECORDING: &str = "recording";

pub(super) async fn publish(
    recorder: &Recorder,
    client: &str,
    site: SiteId,
    notice: &str,
    answer: &Answer,
) -> Result<()> {
    let tenant = recorder.tenant(client).await?;
    let parsed: Notice = serde_json::from_str(notice).map_err(|e| {
        Error::refused(format!(
            "this is not a notice: {e}; `recorder notice sample en` prints one with every line"
        ))
    })?;
    let offered = tenant
        .site(site)
        .await?
        .ok_or(Error::NotFound("site"))?
        .modalities;
    let lacks = lacking(&parsed, &offered);
    if !lacks.is_empty() {
        return Err(Error::refused(format!(
            "nothing is published, the notice must be completed: {}",
            lacks.join("; ")
        )));
    }
    let hash = tenant
        .publish_notice(site, notice.as_bytes(), recorder.now().whole_seconds())
        .await?;
    recorder
        .log(&tenant, What::NoticePublished { site, notice: hash })
        .await?;
    answer
        .line(format!(
            "Published in {}, version {}: whoever comes from now on is shown it.",
            escape(&parsed.language),
            escape(&parsed.version)
        ))
        .await?;
    answer.line(hash.to_string()).await
}

/// A site offers no more than its notices cover.
pub(super) async fn offer(
    recorder: &Recorder,
    client: &str,
    id: SiteId,
    mut modalities: Vec<Modality>,
    answer: &Answer,
) -> Result<()> {
    let tenant = recorder.tenant(client).await?;
    let site = tenant.site(id).await?.ok_or(Error::NotFound("site"))?;
    modalities.push(Modality::Chat);
    modalities.sort_unstable();
    modalities.dedup();
    for published in &site.notices {
        let stored = tenant.notice(&published.notice).await?;
        let stored = stored.ok_or(Error::NotFound("notice"))?;
        let notice: Notice = serde_json::from_slice(&stored.bytes)?;
        let lacks = lacking(&notice, &modalities);
        if !lacks.is_empty() {
            return Err(Error::refused(format!(
                "nothing is changed, publish a notice in {} first that is completed: {}",
                escape(&published.language),
                lacks.join("; ")
            )));
        }
    }
    let names: Vec<&str> = modalities.iter().map(|m| m.name()).collect();
    let said = format!("{}  {}", escape(&site.name), names.join(" "));
    tenant
        .put_site(&NewSite {
            id,
            name: site.name,
            accent: site.accent,
            origins: site.origins,
            modalities,
        })
        .await?;
    answer.line(said).await
}

/// What a notice lacks for a site that offers these modalities, and how to write it.
fn lacking(notice: &Notice, offered: &[Modality]) -> Vec<String> {
    let mut lacks = Vec::new();
    told(notice, &mut lacks);
    purposes(notice, offered, &mut lacks);
    let policy = notice.recording;
    if policy.maximum_days < policy.minimum_days {
        lacks.push(
            "it destroys recordings before their minimum: raise `maximum_days`, or lower `minimum_days`"
                .to_owned(),
        );
    }
    lacks
}

/// What everybody must be told, whatever the purposes (GDPR Art. 13).
fn told(notice: &Notice, lacks: &mut Vec<String>) {
    let texts = [
        ("version", &notice.version, "your own label, as \"2026-11\""),
        ("language", &notice.language, "a language tag, as \"en\""),
        ("controller", &notice.controller, "who answers for the data"),
        (
            "contact",
            &notice.contact,
            "where anyone may write about data protection",
        ),
        (
            "name_not_needed",
            &notice.name_not_needed,
            "one sentence: no real name and no address is needed",
        ),
        (
            "retention_text",
            &notice.retention_text,
            "how long it is kept, and why",
        ),
        (
            "authority",
            &notice.authority,
            "the supervisory authority to complain to",
        ),
        (
            "obligation",
            &notice.obligation,
            "whether anything must be provided, and what happens otherwise",
        ),
    ];
    for (name, text, how) in texts {
        if is_blank(text) {
            lacks.push(format!("`{name}` is empty: write {how}"));
        }
    }
    let lists = [
        (
            "rights",
            &notice.rights,
            "each of the person's rights as a sentence",
        ),
        (
            "recipients",
            &notice.recipients,
            "who else receives it, or that nobody does",
        ),
    ];
    for (name, list, how) in lists {
        if list.iter().all(|text| is_blank(text)) {
            lacks.push(format!("`{name}` says nothing: write {how}"));
        }
    }
    let pages = [
        (
            "decline_url",
            &notice.decline_url,
            "where those who decline are sent",
        ),
        (
            "policy_url",
            &notice.policy_url,
            "where the whole privacy policy stands",
        ),
    ];
    for (name, address, how) in pages {
        if !is_page(address) {
            lacks.push(format!(
                "`{name}` is not the address of a page: write {how}, beginning with https://"
            ));
        }
    }
}

/// Each purpose with its basis; the two that every conversation here has, and for all of it.
fn purposes(notice: &Notice, offered: &[Modality], lacks: &mut Vec<String>) {
    for (n, purpose) in notice.purposes.iter().enumerate() {
        let id = escape(&purpose.id);
        if is_blank(&purpose.text) {
            lacks.push(format!(
                "purpose `{id}` has no text: write it in a sentence"
            ));
        }
        if purpose.modalities.is_empty() {
            lacks.push(format!(
                "purpose `{id}` is about nothing: write its modalities, as [\"chat\"]"
            ));
        }
        if purpose.basis != Basis::Consent && is_blank(&purpose.source) {
            lacks.push(format!(
                "purpose `{id}` does not say what its basis rests on: name the statute, the contract or the interest as its `source`"
            ));
        }
        if notice.purposes.iter().take(n).any(|p| p.id == purpose.id) {
            lacks.push(format!(
                "purpose `{id}` is there twice: a receipt must tell them apart"
            ));
        }
    }
    let recording = match notice.recording.mode {
        RecordingMode::Required => "\"legal_obligation\"",
        RecordingMode::Optional => "\"consent\"",
    };
    for (id, basis) in [(CONVERSATION, "\"consent\""), (RECORDING, recording)] {
        match notice.purposes.iter().find(|purpose| purpose.id == id) {
            None => lacks.push(format!(
                "there is no purpose `{id}`: add one with id = \"{id}\", a text, its basis (such as {basis}) and its modalities"
            )),
            Some(purpose) => uncovered(purpose, offered, lacks),
        }
    }
    let demanded = notice.recording.mode == RecordingMode::Required;
    let asked = |p: &&Purpose| p.id == RECORDING && p.basis == Basis::Consent;
    if demanded && notice.purposes.iter().any(|p| asked(&p)) {
        lacks.push(
            "recording is required, so that nobody can consent to it or take consent back: give `recording` the basis \"legal_obligation\" and name the statute as its `source`, or set mode = \"optional\""
                .to_owned(),
        );
    }
}

/// Nothing may be offered that the notice does not speak of.
fn uncovered(purpose: &Purpose, offered: &[Modality], lacks: &mut Vec<String>) {
    for modality in offered {
        if !purpose.modalities.contains(modality) {
            lacks.push(format!(
                "the site offers {name}, and purpose `{}` is not about it: add \"{name}\" to its modalities",
                purpose.id,
                name = modality.name()
            ));
        }
    }
}

/// Nothing that a reader would see.
fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// An address that the gate makes a link of: what it cannot, it would leave out.
fn is_page(address: &str) -> bool {
    Url::parse(address).is_ok_and(|url| matches!(url.scheme(), "https" | "http"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLES: [&str; 2] = [
        include_str!("../../notices/sample.en.toml"),
        include_str!("../../notices/sample.de.toml"),
    ];

    /// What the English sample lacks once `change` is made to it.
    fn after(change: impl FnOnce(&mut Notice)) -> Vec<String> {
        let mut notice: Notice = toml::from_str(SAMPLES[0]).unwrap();
        change(&mut notice);
        lacking(&notice, &[Modality::Chat])
    }

    #[track_caller]
    fn refused(word: &str, change: impl FnOnce(&mut Notice)) {
        let lacks = after(change);
        assert_eq!(lacks.len(), 1, "{word}: {lacks:?}");
        assert!(lacks.concat().contains(word), "{word}: {lacks:?}");
    }

    #[test]
    fn the_samples_lack_nothing() {
        for sample in SAMPLES {
            let notice: Notice = toml::from_str(sample).unwrap();
            assert_eq!(lacking(&notice, &[Modality::Chat]), [""; 0]);
        }
    }

    #[test]
    fn a_notice_without_the_purpose_of_talking_is_refused() {
        refused("no purpose `conversation`", |n| {
            n.purposes.retain(|p| p.id != CONVERSATION);
        });
    }

    #[test]
    fn a_notice_that_is_silent_about_recording_is_refused() {
        for mode in [RecordingMode::Required, RecordingMode::Optional] {
            refused("no purpose `recording`", |n| {
                n.recording.mode = mode;
                n.purposes.retain(|p| p.id != RECORDING);
            });
        }
    }

    #[test]
    fn required_recording_is_not_consented_to_and_optional_recording_may_be() {
        let consent = |n: &mut Notice| n.purposes[1].basis = Basis::Consent;
        refused("\"legal_obligation\"", consent);
        let optional = after(|n| {
            consent(n);
            n.recording.mode = RecordingMode::Optional;
        });
        assert_eq!(optional, [""; 0]);
    }

    #[test]
    fn a_notice_that_leaves_out_what_everybody_must_be_told_is_refused() {
        refused("`version`", |n| n.version.clear());
        refused("`language`", |n| n.language.clear());
        refused("`controller`", |n| n.controller.clear());
        refused("`contact`", |n| n.contact = " ".to_owned());
        refused("`name_not_needed`", |n| n.name_not_needed.clear());
        refused("`retention_text`", |n| n.retention_text.clear());
        refused("`authority`", |n| n.authority = "\n".to_owned());
        refused("`obligation`", |n| n.obligation.clear());
        refused("`rights`", |n| n.rights.clear());
        refused("`rights`", |n| n.rights = vec![String::new()]);
        refused("`recipients`", |n| n.recipients.clear());
    }

    #[test]
    fn a_way_to_decline_that_the_gate_could_not_show_is_refused() {
        for address in [
            "",
            "example.com/contact",
            "/contact",
            "javascript:alert(1)",
            "https://",
            "https://exa mple.com",
            "mailto:us@example.com",
        ] {
            refused("`decline_url`", |n| n.decline_url = address.to_owned());
            refused("`policy_url`", |n| n.policy_url = address.to_owned());
        }
    }

    #[test]
    fn each_purpose_says_what_for_about_what_and_on_which_ground() {
        refused("no text", |n| n.purposes[0].text.clear());
        refused("`source`", |n| n.purposes[1].source.clear());
        refused("twice", |n| n.purposes.push(n.purposes[0].clone()));
        refused("about nothing", |n| {
            let mut more = n.purposes[0].clone();
            "training".clone_into(&mut more.id);
            more.modalities.clear();
            n.purposes.push(more);
        });
    }

    #[test]
    fn what_the_site_offers_stands_in_both_purposes() {
        let mut notice: Notice = toml::from_str(SAMPLES[0]).unwrap();
        let offered = [Modality::Chat, Modality::Audio];
        assert_eq!(lacking(&notice, &offered).len(), 2);
        for purpose in &mut notice.purposes {
            purpose.modalities = offered.to_vec();
        }
        assert_eq!(lacking(&notice, &offered), [""; 0]);
    }

    #[test]
    fn a_maximum_below_the_minimum_is_refused() {
        refused("`maximum_days`", |n| n.recording.maximum_days = 1);
    }
}
