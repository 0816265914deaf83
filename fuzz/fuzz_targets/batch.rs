#![no_main]
//! Media batches, which a broken relay seals as readily as whole ones: what is read of one is written
//! anew so that it reads the same.

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use seal::media::{Batch, BatchWriter, Item};

fuzz_target!(|batch: &[u8]| {
    let Ok(read) = Batch::new(Bytes::copy_from_slice(batch)) else {
        return;
    };
    let base = read.base();
    let mut items = vec![Item::Resume { at: base }];
    items.extend(read.map_while(Result::ok));
    let mut writer = BatchWriter::new(batch.len() + 64);
    for item in &items {
        assert_eq!(writer.write(base, item), Ok(()));
    }
    let written = writer.take().map_or_else(Bytes::new, |w| w.to_vec().into());
    let again: Result<Vec<Item>, _> = Batch::new(written).and_then(Iterator::collect);
    assert_eq!(again, Ok(items));
});
