#![no_main]
//! Datagrams from anywhere: they are told apart without a look past their end.

use libfuzzer_sys::fuzz_target;
use relay::media::demux::{Demux, Route, named};
use relay::media::sieve::Sieve;

fuzz_target!(|datagram: &[u8]| {
    let mut demux = Demux::default();
    demux.name(1, "anas-name");
    let from = ([127, 0, 0, 1], 1).into();
    let claimed = demux.route(from, datagram) == Route::Claimed(1);
    assert_eq!(claimed, named(datagram) == Some("anas-name"));
    // The first of a connection is let through, whatever stands in it.
    assert!(Sieve::new(Some(3)).refuses(datagram).is_none());
});
