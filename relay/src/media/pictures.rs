//! Whether a packet begins a key picture, one that needs no other to be shown. Pure.

use seal::media::Codec;

/// Whether a payload begins a key picture; of what cannot be read, no.
pub fn begins_key_picture(codec: Codec, payload: &[u8]) -> bool {
    let begins = match codec {
        Codec::Vp8 => vp8(payload),
        Codec::H264 => h264(payload),
        _ => None,
    };
    begins.unwrap_or(false)
}

/// RFC 7741: a descriptor, and behind it, where a picture begins, the picture's own first byte.
fn vp8(payload: &[u8]) -> Option<bool> {
    let (first, mut rest) = payload.split_first()?;
    // The first partition begins here.
    if first & 0x17 != 0x10 {
        return Some(false);
    }
    if first & 0x80 != 0 {
        let (more, after) = rest.split_first()?;
        rest = after;
        if more & 0x80 != 0 {
            let long = rest.first()? & 0x80 != 0;
            rest = rest.get(1 + usize::from(long)..)?;
        }
        let others = usize::from(more & 0x40 != 0) + usize::from(more & 0x30 != 0);
        rest = rest.get(others..)?;
    }
    Some(rest.first()? & 1 == 0)
}

/// RFC 6184: a slice of a key picture, or the parameters that come before one; alone, among others
/// in one packet, or as the first piece of one.
fn h264(payload: &[u8]) -> Option<bool> {
    let is_key = |unit: u8| matches!(unit & 0x1f, 5 | 7);
    let (first, mut rest) = payload.split_first()?;
    Some(match first & 0x1f {
        24 => loop {
            let Some((length, unit)) = rest.split_first_chunk::<2>() else {
                break false;
            };
            if is_key(*unit.first()?) {
                break true;
            }
            rest = unit.get(usize::from(u16::from_be_bytes(*length))..)?;
        },
        28 => {
            let piece = *rest.first()?;
            piece & 0x80 != 0 && is_key(piece)
        }
        _ => is_key(*first),
    })
}
