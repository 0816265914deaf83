//! Parts: what is sealed opens again, and nothing else does.

use proptest::prelude::*;
use proto::{Hash32, RecordingId, TenantId};
use seal::part::{PLAINTEXT_MAX, PartHeader, PartKind, seal};
use seal::{DataKey, SealError};

use crate::support::{TestRng, open_part};

const FIRST: usize = 65_536 - 40 - 16;
const NEXT: usize = 65_536 - 16;

fn header(rng: &mut TestRng) -> PartHeader {
    PartHeader {
        tenant: TenantId::random(rng),
        recording: RecordingId::random(rng),
        track: 2,
        epoch: 3,
        step: 4,
        seq: 5,
        kind: PartKind::Data,
        prev: Hash32::of(b"before"),
    }
}

fn round_trip(length: usize, seed: &str) {
    let mut rng = TestRng::new(seed);
    let key = [7; 32];
    let header = header(&mut rng);
    let plaintext: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
    let part = seal(&DataKey::from_bytes(key), header, &plaintext, &mut rng).unwrap();
    assert_eq!(part.hash, Hash32::of(&part.bytes));
    let opened = open_part(&key, &header.associated_data(), &part.bytes);
    assert!(opened.as_ref() == Some(&plaintext), "length {length}");
}

#[test]
fn a_part_of_any_length_around_a_segment_opens_to_what_was_sealed() {
    for length in [
        0,
        1,
        255,
        FIRST - 1,
        FIRST,
        FIRST + 1,
        FIRST + NEXT,
        FIRST + NEXT + 1,
    ] {
        round_trip(length, "edges");
    }
}

#[test]
fn two_parts_with_the_same_content_share_no_bytes() {
    let mut rng = TestRng::new("same");
    let key = DataKey::random(&mut rng);
    let header = header(&mut rng);
    let one = seal(&key, header, b"the same", &mut rng).unwrap();
    let two = seal(&key, header, b"the same", &mut rng).unwrap();
    assert_ne!(one.bytes[1..33], two.bytes[1..33]);
    assert_ne!(one.bytes[40..], two.bytes[40..]);
}

#[test]
fn a_part_larger_than_allowed_is_refused() {
    let mut rng = TestRng::new("large");
    let key = DataKey::random(&mut rng);
    let header = header(&mut rng);
    let plaintext = vec![0; PLAINTEXT_MAX + 1];
    assert_eq!(
        seal(&key, header, &plaintext, &mut rng),
        Err(SealError::TooLarge)
    );
}

#[test]
fn header_fields_read_back_and_an_unknown_kind_does_not() {
    let header = header(&mut TestRng::new("fields"));
    let mut fields = header.fields();
    assert_eq!(PartHeader::from_fields(&fields), Some(header));
    fields[52] = 2;
    assert_eq!(PartHeader::from_fields(&fields), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_plaintext_opens_again(length in 0..200_000usize, seed in any::<u64>()) {
        round_trip(length, &seed.to_string());
    }

    #[test]
    fn a_part_with_one_altered_bit_or_place_does_not_open(
        length in 0..70_000usize, bit in any::<proptest::sample::Index>(), field in 0..93usize,
    ) {
        let mut rng = TestRng::new("alter");
        let key = [9; 32];
        let header = header(&mut rng);
        let part = seal(&DataKey::from_bytes(key), header, &vec![1; length], &mut rng).unwrap();
        let mut bytes = part.bytes.to_vec();
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(open_part(&key, &header.associated_data(), &bytes).is_none());

        let mut elsewhere = header.associated_data();
        let field = field % elsewhere.len();
        elsewhere[field] ^= 1;
        prop_assert!(open_part(&key, &elsewhere, &part.bytes).is_none());
    }

    #[test]
    fn a_part_that_is_cut_short_does_not_open(length in 0..140_000usize, cut in any::<proptest::sample::Index>()) {
        let mut rng = TestRng::new("cut");
        let key = [9; 32];
        let header = header(&mut rng);
        let part = seal(&DataKey::from_bytes(key), header, &vec![1; length], &mut rng).unwrap();
        let cut = cut.index(part.bytes.len());
        prop_assert!(open_part(&key, &header.associated_data(), &part.bytes[..cut]).is_none());
    }
}
