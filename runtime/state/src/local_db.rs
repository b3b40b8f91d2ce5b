//! The local RocksDB below the tables: one per process, a column family per operator uid.
//!
//! It is a cache of the last checkpoint and of what came since, never the truth: no write-ahead
//! log, a fresh directory per run, removed when the run ends. Only the writer thread writes; any
//! thread reads.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, BoundColumnFamily, Cache, ColumnFamilyDescriptor,
    DBCompressionType, DBWithThreadMode, FlushOptions, LogLevel, MultiThreaded, Options,
    ReadOptions, WriteBatch, WriteBufferManager, WriteOptions, checkpoint::Checkpoint,
};

use crate::error::StateError;
use crate::write_set::WriteSet;

type Database = DBWithThreadMode<MultiThreaded>;

/// A write batch is cut here: large enough to amortise the call, small enough for the memtable.
const BATCH_BYTES: usize = 2 << 20;

const MIB: usize = 1 << 20;

/// A directory that goes when its owner does.
#[derive(Debug)]
pub(crate) struct OwnedDir(pub(crate) PathBuf);

impl Drop for OwnedDir {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next run, which starts by sweeping.
        if let Err(error) = std::fs::remove_dir_all(&self.0)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::debug!(path = %self.0.display(), %error, "local state was left behind");
        }
    }
}

/// When the database is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    /// With the backend, so that what is wrong with its directory is known then.
    AtOnce,
    /// With the first change that is handed over: there may never be one.
    WhenNeeded,
}

pub(crate) struct LocalDb {
    // The order matters: the database closes before its directory goes.
    db: OnceLock<Database>,
    dir: OwnedDir,
    options: Options,
    family_options: Options,
    names: RwLock<BTreeSet<String>>,
}

impl LocalDb {
    /// Opens the database in `dir/db`, creating it when there is none, with at most `memory` bytes
    /// for blocks, filters, indices and write buffers together.
    pub(crate) fn open(dir: OwnedDir, memory: usize, opening: Opening) -> Result<Self, StateError> {
        let cache = Cache::new_lru_cache(memory);
        // Write buffers are charged to the block cache, so `memory` bounds both together.
        let buffers = WriteBufferManager::new_write_buffer_manager_with_cache(
            memory / 2,
            false,
            cache.clone(),
        );

        let mut options = Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        options.set_write_buffer_manager(&buffers);
        // Two cores, and the operators want both.
        options.set_max_background_jobs(2);
        options.set_max_open_files(1024);
        options.set_log_level(LogLevel::Warn);
        options.set_keep_log_file_num(1);
        options.set_stats_dump_period_sec(0);
        options.set_paranoid_checks(true);
        options.set_skip_stats_update_on_db_open(true);
        options.set_bytes_per_sync(MIB as u64);
        options.set_max_manifest_file_size(4 * MIB);

        let local = Self {
            db: OnceLock::new(),
            family_options: family_options(&cache, memory),
            dir,
            options,
            names: RwLock::default(),
        };
        if opening == Opening::AtOnce {
            local.database()?;
        }
        Ok(local)
    }

    /// The database, opened if it is not yet: with the operators that are in its directory, and
    /// those that were named meanwhile.
    fn database(&self) -> Result<&Database, StateError> {
        if let Some(db) = self.db.get() {
            return Ok(db);
        }
        // The lock is held over the opening: only one thread does it.
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(db) = self.db.get() {
            return Ok(db);
        }
        let path = self.dir.0.join("db");
        std::fs::create_dir_all(&path)
            .map_err(|e| StateError::io("create the directory", &path, e))?;
        names.insert("default".to_owned());
        if path.join("CURRENT").exists() {
            let found = Database::list_cf(&self.options, &path)
                .map_err(|e| StateError::database("read the operators of", &path, &e))?;
            names.extend(found);
        }
        let families = names
            .iter()
            .map(|name| ColumnFamilyDescriptor::new(name, self.family_options.clone()));
        let db = Database::open_cf_descriptors(&self.options, &path, families)
            .map_err(|e| StateError::database("open", &path, &e))?;
        Ok(self.db.get_or_init(|| db))
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir.0
    }

    fn error(&self, action: &'static str, source: &rocksdb::Error) -> StateError {
        StateError::database(action, &self.dir.0, source)
    }

    /// Makes sure the column family of `uid` is there.
    pub(crate) fn create_family(&self, uid: &str) -> Result<(), StateError> {
        // The lock is held over the creation: two subtasks open the same operator at once.
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        if !names.contains(uid) {
            // One that is not open yet makes it when it opens.
            if let Some(db) = self.db.get() {
                db.create_cf(uid, &self.family_options)
                    .map_err(|e| self.error("add an operator to", &e))?;
            }
            names.insert(uid.to_owned());
        }
        Ok(())
    }

    fn family<'a>(
        &self,
        db: &'a Database,
        uid: &str,
    ) -> Result<Arc<BoundColumnFamily<'a>>, StateError> {
        db.cf_handle(uid).ok_or_else(|| StateError::Table {
            uid: uid.to_owned(),
            reason: "its column family is missing from the local database".to_owned(),
        })
    }

    /// Reads `keys`, which are in order, in one call; `found` gets each one's position and value.
    pub(crate) fn multi_get(
        &self,
        uid: &str,
        keys: &[&[u8]],
        mut found: impl FnMut(usize, Option<&[u8]>) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        let Some(db) = self.db.get() else {
            // Nothing was ever written.
            return (0..keys.len()).try_for_each(|at| found(at, None));
        };
        let family = self.family(db, uid)?;
        let values = db.batched_multi_get_cf(&family, keys.iter().copied(), true);
        for (at, value) in values.into_iter().enumerate() {
            let value = value.map_err(|e| self.error("read", &e))?;
            found(at, value.as_deref())?;
        }
        Ok(())
    }

    /// Every key and value of the key groups, in key order, until `each` breaks.
    pub(crate) fn scan(
        &self,
        uid: &str,
        groups: Range<u16>,
        mut each: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, StateError>,
    ) -> Result<(), StateError> {
        let db = match self.db.get() {
            Some(db) if !groups.is_empty() => db,
            // Nothing was ever written, or nothing is asked for.
            _ => return Ok(()),
        };
        let family = self.family(db, uid)?;
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(groups.end.to_be_bytes().to_vec());
        options.fill_cache(false);
        options.set_readahead_size(2 * MIB);
        let mut cursor = db.raw_iterator_cf_opt(&family, options);
        cursor.seek(groups.start.to_be_bytes());
        while let Some((key, value)) = cursor.item() {
            if each(key, value)?.is_break() {
                return Ok(());
            }
            cursor.next();
        }
        cursor.status().map_err(|e| self.error("read", &e))
    }

    /// Writes the changes of one operator; they are visible to readers when this returns.
    pub(crate) fn apply(&self, uid: &str, mut changes: WriteSet) -> Result<(), StateError> {
        if changes.len() == 0 {
            return Ok(());
        }
        changes.sort();
        let db = self.database()?;
        let family = self.family(db, uid)?;
        let mut options = WriteOptions::default();
        options.disable_wal(true);
        let mut batch = WriteBatch::default();
        for (key, value) in changes.iter() {
            match value {
                Some(value) => batch.put_cf(&family, key, value),
                None => batch.delete_cf(&family, key),
            }
            if batch.size_in_bytes() >= BATCH_BYTES {
                db.write_opt(batch, &options)
                    .map_err(|e| self.error("write to", &e))?;
                batch = WriteBatch::default();
            }
        }
        db.write_opt(batch, &options)
            .map_err(|e| self.error("write to", &e))
    }

    /// Flushes everything and makes a hard-linked image of the database in `target`, which must
    /// not exist yet.
    pub(crate) fn cut(&self, target: &Path) -> Result<(), StateError> {
        let db = self.database()?;
        let names = self.family_names();
        let families = names
            .iter()
            .map(|name| self.family(db, name))
            .collect::<Result<Vec<_>, _>>()?;
        let mut options = FlushOptions::default();
        options.set_wait(true);
        db.flush_cfs_opt(&families.iter().collect::<Vec<_>>(), &options)
            .map_err(|e| self.error("flush", &e))?;
        Checkpoint::new(db)
            .and_then(|checkpoint| checkpoint.create_checkpoint(target))
            .map_err(|e| self.error("make a checkpoint of", &e))
    }

    /// The uids that have state here, whether an operator opened them or not.
    pub(crate) fn family_names(&self) -> Vec<String> {
        self.names
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
    }

    /// Bytes and approximate number of keys on disk, by uid.
    pub(crate) fn sizes(&self) -> Result<Vec<FamilySize>, StateError> {
        let mut sizes: BTreeMap<String, FamilySize> = BTreeMap::new();
        for file in self
            .database()?
            .live_files()
            .map_err(|e| self.error("list the files of", &e))?
        {
            let uid = file.column_family_name;
            let size = sizes.entry(uid.clone()).or_insert(FamilySize {
                uid,
                bytes: 0,
                entries: 0,
            });
            size.bytes += file.size as u64;
            // A deletion hides itself and, most often, one older entry.
            size.entries += file.num_entries.saturating_sub(2 * file.num_deletions);
        }
        Ok(sizes.into_values().collect())
    }
}

/// What a column family holds on disk.
#[derive(Debug, Clone)]
pub(crate) struct FamilySize {
    pub(crate) uid: String,
    pub(crate) bytes: u64,
    pub(crate) entries: u64,
}

fn family_options(cache: &Cache, memory: usize) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_block_size(4 << 10);
    // Whole keys: a state read is a point read, and most of the misses are keys never seen.
    table.set_bloom_filter(10.0, false);
    table.set_optimize_filters_for_memory(true);
    table.set_cache_index_and_filter_blocks(true);
    table.set_cache_index_and_filter_blocks_with_high_priority(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    // In parts: a small cache would otherwise read a filter of megabytes for one key.
    table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
    table.set_partition_filters(true);
    table.set_metadata_block_size(4 << 10);
    table.set_format_version(5);

    let mut options = Options::default();
    options.set_block_based_table_factory(&table);
    let buffer = (memory / 8).clamp(MIB, 64 * MIB);
    options.set_write_buffer_size(buffer);
    options.set_max_write_buffer_number(3);
    options.set_target_file_size_base(64 * MIB as u64);
    options.set_max_bytes_for_level_base(256 * MIB as u64);
    options.set_level_compaction_dynamic_level_bytes(true);
    options.set_level_zero_file_num_compaction_trigger(4);
    // Young files are rewritten soon; compressing them would only cost the second core.
    use DBCompressionType::{Lz4, None};
    options.set_compression_per_level(&[None, None, Lz4, Lz4, Lz4, Lz4, Lz4]);
    options
}
