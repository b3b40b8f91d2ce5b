//! A backend whose state is never kept.

use millstream_state::{StateBackend, StateOptions, stable_hash_u64};

#[test]
fn state_that_is_never_kept_touches_no_disk_until_it_must() {
    let dir = tempfile::tempdir().unwrap();
    let made = || std::fs::read_dir(dir.path()).unwrap().count();
    let backend = StateBackend::scratch(dir.path(), &StateOptions::default()).unwrap();
    let mut table = backend.table::<i64>("sums", 0..128).unwrap();
    let mut slots = Vec::new();
    let keys: Vec<[u8; 8]> = (0..1000u64).map(u64::to_be_bytes).collect();
    let hashes: Vec<u64> = (0..1000).map(stable_hash_u64).collect();
    table.slots(&hashes, |row| &keys[row], &mut slots).unwrap();
    for (row, slot) in slots.iter().enumerate() {
        *table.get_mut(*slot) = row as i64;
    }
    table.evict().unwrap();
    assert_eq!(made(), 0);
    assert!(backend.table_bytes()["sums"] > 8_000);

    // Under pressure it goes to disk and comes back, and then goes with the backend.
    table.evict_all_clean().unwrap();
    assert_eq!(made(), 1);
    assert_eq!(table.stats().in_memory, 0);
    table.slots(&hashes, |row| &keys[row], &mut slots).unwrap();
    assert_eq!(*table.get(slots[999]), 999);
    // A table that is opened later is there, too.
    assert!(backend.table::<i64>("other", 0..128).unwrap().is_empty());
    drop(table);
    drop(backend);
    assert_eq!(made(), 0);
}
