//! The head of a trace: metadata and the places of the columns; and the JSON that stands in it and in identity rows.

use arrow_ipc::Schema as IpcSchema;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_schema::{DataType, Field};
use serde::{Deserialize, Serialize};

use super::error::{Fault, TraceError};
use super::schema::{
    COLUMN_COUNT, COLUMNS, Dictionary, FACTS_KEY, MAX_COLUMNS, MAX_TYPE_DEPTH, SCHEMA_MAJOR, Store, TOOL_KEY,
    VERSION_KEY,
};
use crate::event::facts::CaptureFacts;
use crate::event::ids::DevNum;
use crate::event::op::Identity;

/// What the first message of a trace says.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) facts: CaptureFacts,
    /// Minor version of the file.
    pub(crate) minor: u32,
    /// As they stand in the file: version, facts, tool. The first seal covers them.
    pub(crate) metadata: [String; 3],
    pub(crate) layout: Layout,
}

/// Where each column's parts are among the nodes and buffers of a batch.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// For each column of [`COLUMNS`]: first node and first buffer; `None` if the file is older than the column.
    pub(crate) places: [Option<Place>; COLUMN_COUNT],
    /// Nodes and buffers of a whole batch.
    pub(crate) end: Place,
    /// Dictionary ids of [`Dictionary::ALL`].
    pub(crate) dictionaries: [i64; 3],
}

/// Counts of nodes and buffers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) node: usize,
    pub(crate) buffer: usize,
}

impl Header {
    /// Reads the schema message.
    pub(crate) fn read(ipc: IpcSchema<'_>) -> Result<Self, TraceError> {
        let fault = |fault| TraceError::Header { fault };
        if ipc.fields().is_some_and(|fields| fields.len() > MAX_COLUMNS) {
            return Err(TraceError::NotATrace { what: "it is an Arrow stream with too many columns" });
        }
        let schema = try_fb_to_schema(ipc).map_err(|source| fault(Fault::Schema { source }))?;
        let value = |key: &str| schema.metadata().get(key).cloned();
        let (Some(version), Some(facts_json)) = (value(VERSION_KEY), value(FACTS_KEY)) else {
            return Err(TraceError::NotATrace { what: "it is an Arrow stream without the metadata of a trace" });
        };
        let (major, minor) = version.split_once('.').unwrap_or_default();
        let number = |text: &str| text.parse::<u32>().map_err(|_no_number| fault(Fault::Version));
        if number(major)? > SCHEMA_MAJOR {
            return Err(TraceError::NewerSchema { found: version.escape_debug().to_string() });
        }
        let minor = number(minor)?;
        let facts = serde_json::from_str(&facts_json).map_err(|source| TraceError::ReadFacts { source })?;
        if !ipc.endianness().equals_to_target_endianness() {
            return Err(fault(Fault::BigEndian));
        }
        let fields: Vec<&Field> = schema.fields().iter().map(AsRef::as_ref).collect();
        let layout = Layout::new(&fields, ipc, minor).map_err(fault)?;
        Ok(Self { facts, minor, metadata: [version, facts_json, value(TOOL_KEY).unwrap_or_default()], layout })
    }
}

impl Layout {
    fn new(fields: &[&Field], ipc: IpcSchema<'_>, minor: u32) -> Result<Self, Fault> {
        let mut places = [None; COLUMN_COUNT];
        let mut dictionaries = [None; 3];
        let mut end = Place::default();
        for (at, field) in fields.iter().enumerate() {
            let known = COLUMNS.iter().position(|spec| spec.since <= minor && spec.name == field.name());
            if let Some((spec, place)) = known.and_then(|known| COLUMNS.get(known).zip(places.get_mut(known))) {
                if place.is_some() || *field.data_type() != spec.store.data_type() {
                    return Err(Fault::Column { column: spec.name });
                }
                *place = Some(end);
                if let Store::Word(dictionary) = spec.store {
                    let id = ipc.fields().and_then(|fields| fields.get(at).dictionary()).map(|encoding| encoding.id());
                    if let Some(slot) = dictionaries.get_mut(dictionary as usize) {
                        *slot = id;
                    }
                }
            }
            end = end
                .after(field.data_type(), 0)
                .ok_or_else(|| Fault::Unskippable { column: field.name().escape_debug().to_string() })?;
        }
        for (place, spec) in places.iter().zip(&COLUMNS) {
            if place.is_none() && spec.since <= minor {
                return Err(Fault::Column { column: spec.name });
            }
        }
        let mut ids = [0; 3];
        for ((id, slot), dictionary) in dictionaries.into_iter().zip(&mut ids).zip(Dictionary::ALL) {
            *slot = id.ok_or(Fault::Dictionary { column: dictionary.column() })?;
        }
        let [first, second, third] = ids;
        if first == second || second == third || first == third {
            return Err(Fault::Dictionary { column: Dictionary::Impl.column() });
        }
        Ok(Self { places, end, dictionaries: ids })
    }
}

impl Place {
    /// The place behind a column of this type that begins here; `None` if the type cannot be skipped.
    fn after(self, data_type: &DataType, depth: usize) -> Option<Self> {
        if depth > MAX_TYPE_DEPTH {
            return None;
        }
        let here = |buffers| Self { node: self.node + 1, buffer: self.buffer + buffers };
        let child = |place: Self, field: &Field| place.after(field.data_type(), depth + 1);
        match data_type {
            DataType::Null => Some(here(0)),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Binary | DataType::LargeBinary => Some(here(3)),
            DataType::List(item) | DataType::LargeList(item) | DataType::Map(item, _) => child(here(2), item),
            DataType::FixedSizeList(item, _) => child(here(1), item),
            DataType::Struct(fields) => fields.iter().try_fold(here(1), |place, field| child(place, field)),
            // Their parts vary between versions of Arrow or between batches.
            DataType::Union(..)
            | DataType::RunEndEncoded(..)
            | DataType::Utf8View
            | DataType::BinaryView
            | DataType::ListView(_)
            | DataType::LargeListView(_) => None,
            // Numbers, times, decimals, bits, bytes of fixed length, dictionary indices.
            _ => Some(here(2)),
        }
    }
}

/// An identity as JSON, in the column `text`. Unknown fields of a newer version are ignored.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct IdentityRow {
    device: String,
    name: String,
    log_type: String,
    region_size_sectors: Option<u32>,
    region_count: Option<u64>,
    sync_count: Option<u64>,
    sync_option: Option<u32>,
    target_sectors: Option<u64>,
    target_begin: Option<u64>,
    log_device: Option<String>,
    legs: Option<u32>,
    flush_failed: bool,
    log_device_failed: bool,
}

impl From<&Identity> for IdentityRow {
    fn from(identity: &Identity) -> Self {
        let Identity {
            device,
            name,
            log_type,
            region_size_sectors,
            region_count,
            sync_count,
            sync_option,
            target_sectors,
            target_begin,
            log_device,
            legs,
            flush_failed,
            log_device_failed,
        } = identity;
        Self {
            device: device.to_string(),
            name: name.clone(),
            log_type: log_type.clone(),
            region_size_sectors: *region_size_sectors,
            region_count: *region_count,
            sync_count: *sync_count,
            sync_option: *sync_option,
            target_sectors: *target_sectors,
            target_begin: *target_begin,
            log_device: log_device.map(|device| device.to_string()),
            legs: *legs,
            flush_failed: *flush_failed,
            log_device_failed: *log_device_failed,
        }
    }
}

impl IdentityRow {
    /// One line of JSON.
    pub(crate) fn to_json(&self) -> String {
        // Strings and numbers always have a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The identity in a row's text; `None` if it is none.
    pub(crate) fn parse(json: &str) -> Option<Identity> {
        let row: Self = serde_json::from_str(json).ok()?;
        let log_device: Option<DevNum> = match row.log_device {
            None => None,
            Some(device) => Some(device.parse().ok()?),
        };
        Some(Identity {
            device: row.device.parse().ok()?,
            name: row.name,
            log_type: row.log_type,
            region_size_sectors: row.region_size_sectors,
            region_count: row.region_count,
            sync_count: row.sync_count,
            sync_option: row.sync_option,
            target_sectors: row.target_sectors,
            target_begin: row.target_begin,
            log_device,
            legs: row.legs,
            flush_failed: row.flush_failed,
            log_device_failed: row.log_device_failed,
        })
    }
}
