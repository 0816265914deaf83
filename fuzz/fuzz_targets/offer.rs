#![no_main]
//! SDP offers: whatever is taken is written anew so that it reads as it was meant.

use libfuzzer_sys::fuzz_target;
use relay::media::sdp;

fuzz_target!(|offer: &str| {
    if let Ok(offer) = sdp::read(offer) {
        assert!(!offer.text.contains("candidate"));
        let again = sdp::read(&offer.text).map(|again| again.text);
        assert_eq!(again.ok(), Some(offer.text));
    }
});
