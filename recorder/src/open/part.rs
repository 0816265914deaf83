//! One sealed part to its event, or to what a source sent. Retrieval and a bundle's check go through here alike, so that
//! both say the same of the same part.

use std::collections::BTreeMap;

use bytes::Bytes;
use proto::EpochNo;
use proto::event::ChatEvent;
use seal::{PartHeader, PartKind};
use zeroize::Zeroizing;

use super::key::EpochKey;
use super::tink;
use crate::media::Track;

/// The data keys of one track, by epoch, or why there is none.
pub type EpochKeys = BTreeMap<EpochNo, Result<EpochKey, String>>;

/// What is said of a part whose epoch has no key.
pub const NO_KEY: &str = "its epoch has no key";

/// What is said of a part that opens to nothing that is known.
const UNKNOWN: &str = "it opens, and holds something that this version does not know";

/// One part's event; `None` for an end part.
pub fn open(
    keys: &mut EpochKeys,
    header: &PartHeader,
    part: &[u8],
) -> Result<Option<ChatEvent>, String> {
    let Some(plaintext) = plaintext(keys, header, part)? else {
        return Ok(None);
    };
    let event = ChatEvent::from_padded(&plaintext);
    event.map(Some).map_err(|_| UNKNOWN.to_owned())
}

/// Takes one part of a source into what is known of it.
pub fn media(
    keys: &mut EpochKeys,
    header: &PartHeader,
    part: &[u8],
    into: &mut Track,
) -> Result<(), String> {
    let Some(plaintext) = plaintext(keys, header, part)? else {
        return Ok(());
    };
    // Wiped when the last slice of it is gone.
    into.part(header.epoch, Bytes::from_owner(plaintext))
        .map_err(|error| format!("{UNKNOWN}: {error}"))
}

/// What one part holds; `None` for an end part.
fn plaintext(
    keys: &mut EpochKeys,
    header: &PartHeader,
    part: &[u8],
) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
    let key = match keys.get_mut(&header.epoch) {
        Some(Ok(key)) => key,
        Some(Err(why)) => return Err(why.clone()),
        None => return Err(NO_KEY.to_owned()),
    };
    let key = key
        .at_step(header.step)
        .ok_or("its ratchet step lies before the part before it")?;
    let plaintext = tink::open(key, &header.associated_data(), part).map_err(|e| e.to_string())?;
    match header.kind {
        PartKind::End if plaintext.is_empty() => Ok(None),
        PartKind::End => Err("an end part that holds something".to_owned()),
        PartKind::Data => Ok(Some(plaintext)),
    }
}
