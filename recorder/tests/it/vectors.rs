//! The opener against the published vectors of `fixtures/seal`, which Google's Tink made and opens.

use data_encoding::HEXLOWER;
use proto::{CaseId, Hash32, Millis, RecordingId, TenantId};
use recorder::entropy::system;
use recorder::keys::PrivateKey;
use recorder::log::announced::Announcement;
use recorder::open::key::EpochKey;
use recorder::open::tink::{self, TinkError};
use recorder::open::unwrap::{self, UnwrapError};
use seal::{Recipient, WrapInfo};
use serde_json::Value;

use crate::house::House;

fn vectors(name: &str) -> Value {
    let path = format!("{}/../fixtures/seal/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn hex(value: &Value) -> Vec<u8> {
    HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

#[test]
fn published_parts_open_and_no_altered_or_cut_one_does() {
    let all = vectors("part.json");
    let key: [u8; 32] = hex(&all["data_key"]).try_into().unwrap();
    for part in all["parts"].as_array().unwrap() {
        // The longest one is given by its hash alone; parts of many segments are opened in
        // `keeping`.
        let ciphertext = &part["ciphertext"];
        if ciphertext.is_null() {
            continue;
        }
        let (associated, sealed) = (hex(&part["associated_data"]), hex(ciphertext));
        let opened = tink::open(&key, &associated, &sealed).unwrap();
        assert_eq!(*opened, hex(&part["plaintext"]));
        for at in [0, 1, 33, 40, sealed.len() - 1] {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(
                tink::open(&key, &associated, &altered).is_err(),
                "byte {at}"
            );
        }
        for length in [0, 39, 40, 55, sealed.len() - 1] {
            assert!(
                tink::open(&key, &associated, &sealed[..length]).is_err(),
                "{length}"
            );
        }
        let mut elsewhere = associated.clone();
        *elsewhere.last_mut().unwrap() ^= 1;
        assert_eq!(
            tink::open(&key, &elsewhere, &sealed).unwrap_err(),
            TinkError::Segment(0)
        );
    }
}

#[tokio::test]
async fn published_wraps_give_their_data_key_once_the_log_holds_the_opening() {
    let house = House::new().await;
    let announce = async |recording| {
        let opening = Announcement {
            case: CaseId::random(&mut system()),
            recording,
            officers: &[],
            purpose: "open",
        };
        let (log, rng) = (&house.recorder.log, &mut system());
        let announced = log.announce(&house.tenant, opening, Millis(1), rng).await;
        announced.unwrap()
    };
    let all = vectors("wrap.json");
    let generation = u32::try_from(all["intake_generation"].as_u64().unwrap()).unwrap();
    let intake = PrivateKey::from_bytes(&hex(&all["intake_private_key"])).unwrap();
    for wrap in all["wraps"].as_array().unwrap() {
        let recipient: Recipient = serde_json::from_value(wrap["recipient"].clone()).unwrap();
        let info = WrapInfo {
            tenant: wrap["tenant"].as_str().unwrap().parse().unwrap(),
            recording: wrap["recording"].as_str().unwrap().parse().unwrap(),
            track: 1,
            epoch: 2,
            recipient,
        };
        let key = PrivateKey::from_bytes(&hex(&wrap["private_key"])).unwrap();
        let commitment: Hash32 = vectors("ratchet.json")["commitment"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        let inner = unwrap::intake(&hex(&wrap["kept_wrap"]), &info, generation, &intake).unwrap();
        let announced = announce(info.recording).await;
        let open =
            |announced, info, commitment| unwrap::tenant(announced, &inner, info, &key, commitment);
        let mut opened = open(&announced, &info, &commitment).unwrap();
        assert_eq!(opened.at_step(0).unwrap().to_vec(), hex(&all["data_key"]));
        let elsewhere = WrapInfo { track: 2, ..info };
        assert!(unwrap::intake(&hex(&wrap["kept_wrap"]), &elsewhere, generation, &intake).is_err());
        assert!(open(&announced, &elsewhere, &commitment).is_err());
        assert!(open(&announced, &info, &Hash32::ZERO).is_err());
        let of_another = announce(RecordingId::random(&mut system())).await;
        assert_eq!(
            open(&of_another, &info, &commitment).unwrap_err(),
            UnwrapError::Announced
        );
    }
}

#[test]
fn the_published_ratchet_and_commitments_are_ours() {
    let all = vectors("ratchet.json");
    let (tenant, recording): (TenantId, RecordingId) = (
        all["tenant"].as_str().unwrap().parse().unwrap(),
        all["recording"].as_str().unwrap().parse().unwrap(),
    );
    let mut key = EpochKey::from_bytes(&hex(&all["data_key"])).unwrap();
    assert_eq!(
        key.commitment(tenant, recording, 1, 2).unwrap().to_string(),
        all["commitment"]
    );
    assert_eq!(key.at_step(1).unwrap().to_vec(), hex(&all["step_1"]));
    assert_eq!(key.at_step(2).unwrap().to_vec(), hex(&all["step_2"]));
    assert!(key.at_step(1).is_none(), "a ratchet does not turn back");
}
