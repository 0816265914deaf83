//! Our terms and the engine's: credentials, extensions, codecs, times.

use data_encoding::HEXLOWER;
use rand_core::Rng;
use seal::media::Codec;
use str0m::IceCreds;
use str0m::format::Codec as EngineCodec;
use str0m::rtp::{Extension, ExtensionMap};

use crate::media::sdp::Offer;

/// Unguessable, as RFC 8445 wants them.
pub(super) fn credentials(rng: &mut impl Rng) -> IceCreds {
    let mut name = [0; 8];
    let mut password = [0; 16];
    rng.fill_bytes(&mut name);
    rng.fill_bytes(&mut password);
    IceCreds {
        ufrag: HEXLOWER.encode(&name),
        pass: HEXLOWER.encode(&password),
    }
}

/// As the offer numbers them, so that none is ever moved; those that it leaves out are not read.
pub(super) fn extensions(offer: &Offer) -> ExtensionMap {
    let known = [
        Extension::AbsoluteSendTime,
        Extension::TransportSequenceNumber,
        Extension::RtpMid,
    ];
    let mut map = ExtensionMap::empty();
    for (number, uri) in &offer.extensions {
        if let Some(extension) = known.iter().find(|known| known.as_uri() == *uri) {
            map.set(*number, extension.clone());
        }
    }
    map
}

pub(super) fn codec(codec: EngineCodec) -> Option<Codec> {
    match codec {
        EngineCodec::Opus => Some(Codec::Opus),
        EngineCodec::Vp8 => Some(Codec::Vp8),
        EngineCodec::H264 => Some(Codec::H264),
        _ => None,
    }
}

/// As RTCP writes it: seconds since 1900 and their fraction.
pub(super) fn ntp(time: std::time::SystemTime) -> u64 {
    const TO_1970: u64 = 2_208_988_800;
    let since = time
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    (since.as_secs().wrapping_add(TO_1970) << 32) | fraction
}

pub(super) fn low(value: u64) -> u32 {
    u32::try_from(value & u64::from(u32::MAX)).unwrap_or_default()
}
