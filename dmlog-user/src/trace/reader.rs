//! A trace to items.

use std::io::{Read, Seek};
use std::ops::Range;
use std::sync::Arc;

use arrow_ipc::MessageHeader;

use super::error::{Fault, TraceError};
use super::header::{Header, Layout};
use super::lanes::{Lanes, read_words};
use super::message::{Messages, Next, Stop};
use super::rows::{Meanings, Rows};
use super::schema::Dictionary;
use super::seal::header_chain;
use crate::event::call::Row;
use crate::event::facts::CaptureFacts;
use crate::event::item::Item;

/// Length of the mark that ends an Arrow stream.
const END_MARK_BYTES: u64 = 8;

/// A batch whose seal was right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedBatch {
    /// Its number, from 0.
    pub number: u64,
    /// Its items: rows without the seal.
    pub rows: u64,
    /// Where it lies in the file.
    pub bytes: Range<u64>,
    /// It ends the trace cleanly.
    pub is_end: bool,
}

/// A place between two batches of a trace, with what is needed to read on from there: its seals are checked as if
/// everything before had just been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchMark {
    offset: u64,
    number: u64,
    chain: u32,
    /// The same of the columns that version 1.1 added.
    added_chain: u32,
    is_ended: bool,
}

/// How a trace ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// The end has not been reached, or the trace is corrupt before it.
    NotReached,
    /// The recorder ended it.
    Clean,
    /// The recorder did not end it, or the file was cut: `bytes` bytes stand behind the last whole batch, maybe none.
    Torn {
        /// Bytes behind the last sealed batch, from which no event can be read.
        bytes: u64,
    },
}

/// Reads a trace batch by batch. Memory is bounded by one batch, whatever the file says.
///
/// ```
/// use dmlog_user::event::facts::CaptureFacts;
/// use dmlog_user::event::text::parse::parse;
/// use dmlog_user::trace::reader::{Tail, TraceReader};
/// use dmlog_user::trace::writer::TraceWriter;
///
/// let item = parse("12.000000340 cpu=0 tid=87 log=1 impl=core mark_region region=5 duration_ns=100")?;
/// let mut file = Vec::new();
/// let mut writer = TraceWriter::new(&mut file, &CaptureFacts::default())?;
/// writer.push(&item)?;
/// writer.finish()?;
///
/// let mut reader = TraceReader::new(file.as_slice())?;
/// let mut items = Vec::new();
/// while reader.next_batch(&mut items)?.is_some() {}
/// assert_eq!(items, [item]);
/// assert_eq!(reader.tail(), Tail::Clean);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TraceReader<R> {
    messages: Messages<R>,
    header: Header,
    dictionaries: [Option<Vec<String>>; 3],
    /// Shared with whoever takes the rows of a batch while the next one is loaded.
    meanings: Arc<Meanings>,
    lanes: Lanes,
    /// Seals of the batch before: of the columns of version 1.0, and of those that 1.1 added.
    chain: u32,
    added_chain: u32,
    next_number: u64,
    /// Where the last sealed batch, or the header, ends.
    sealed_end: u64,
    is_ended: bool,
    is_over: bool,
    tail: Tail,
}

impl<R: Read> TraceReader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`TraceError::Empty`], [`TraceError::NotATrace`], [`TraceError::TornHeader`], [`TraceError::Header`],
    /// [`TraceError::ReadFacts`], [`TraceError::NewerSchema`], [`TraceError::Read`].
    pub fn new(source: R) -> Result<Self, TraceError> {
        let mut messages = Messages::new(source);
        match messages.next() {
            Ok(Next::Message) => {}
            Ok(Next::Nothing) => return Err(TraceError::Empty),
            Ok(Next::Torn { bytes }) => return Err(TraceError::TornHeader { bytes }),
            Ok(Next::EndMark) => return Err(TraceError::NotATrace { what: "it is an Arrow stream without a schema" }),
            Err(Stop::Fault(Fault::Marker { .. })) => {
                return Err(TraceError::NotATrace { what: "it does not begin like an Arrow stream" });
            }
            Err(stop) => return Err(header_error(stop, messages.offset())),
        }
        let header = {
            let message = messages.message().map_err(|fault| TraceError::Header { fault })?;
            let schema = message.header_as_schema();
            let schema = schema.ok_or(TraceError::NotATrace { what: "it is an Arrow stream without a schema" })?;
            Header::read(schema)?
        };
        let lanes = Lanes::new().map_err(|source| TraceError::Read { offset: messages.offset(), source })?;
        Ok(Self {
            sealed_end: messages.offset(),
            messages,
            header,
            dictionaries: [None, None, None],
            meanings: Arc::default(),
            lanes,
            chain: 0,
            added_chain: 0,
            next_number: 0,
            is_ended: false,
            is_over: false,
            tail: Tail::NotReached,
        })
    }

    /// What is known of the capture.
    pub fn facts(&self) -> &CaptureFacts {
        &self.header.facts
    }

    /// How the trace ends; known once [`next_batch`](Self::next_batch) has returned `None`.
    pub fn tail(&self) -> Tail {
        self.tail
    }

    /// The place before the next batch, for [`go_to`](Self::go_to) of this same reader.
    pub fn mark(&self) -> BatchMark {
        BatchMark {
            offset: self.sealed_end,
            number: self.next_number,
            chain: self.chain,
            added_chain: self.added_chain,
            is_ended: self.is_ended,
        }
    }

    /// Appends the items of the next batch; `None` behind the last one. After an error there are no more.
    ///
    /// # Errors
    /// [`TraceError::Corrupt`], [`TraceError::Read`].
    pub fn next_batch(&mut self, out: &mut Vec<Item>) -> Result<Option<SealedBatch>, TraceError> {
        let Some(batch) = self.load_batch()? else {
            return Ok(None);
        };
        out.reserve(usize::try_from(batch.rows).unwrap_or_default());
        self.for_each_loaded(|item| out.push(item))?;
        Ok(Some(batch))
    }

    /// Reads the next batch, compares its seal and hands nothing over.
    ///
    /// # Errors
    /// [`TraceError::Corrupt`], [`TraceError::Read`].
    pub fn check_batch(&mut self) -> Result<Option<SealedBatch>, TraceError> {
        self.load_batch()
    }

    /// Hands the rows of the next batch over one by one, without making items of those that are numbers only: for whoever
    /// folds them, this is the fastest way.
    ///
    /// # Errors
    /// [`TraceError::Corrupt`], [`TraceError::Read`].
    pub fn next_batch_rows(&mut self, take: impl FnMut(&Row<'_>)) -> Result<Option<SealedBatch>, TraceError> {
        let Some(batch) = self.load_batch()? else {
            return Ok(None);
        };
        match Rows::new(&self.lanes, &self.meanings) {
            Ok(rows) => rows.for_each_row(take),
            Err(fault) => return Err(self.corrupt(self.sealed_end, fault)),
        }
        Ok(Some(batch))
    }

    /// Hands rows over as [`next_batch_rows`](Self::next_batch_rows) does, until one is refused; that and what follows it go to
    /// `rest` as items.
    ///
    /// # Errors
    /// [`TraceError::Corrupt`], [`TraceError::Read`].
    pub fn next_batch_split(
        &mut self,
        mut take: impl FnMut(&Row<'_>) -> bool,
        rest: impl FnMut(Item),
    ) -> Result<Option<SealedBatch>, TraceError> {
        let Some(batch) = self.load_batch()? else {
            return Ok(None);
        };
        match Rows::new(&self.lanes, &self.meanings) {
            Ok(rows) => {
                let (mut taken, mut is_open) = (0, true);
                rows.for_each_row(|row| {
                    is_open = is_open && take(row);
                    taken += usize::from(is_open);
                });
                rows.for_each_from(taken, rest);
            }
            Err(fault) => return Err(self.corrupt(self.sealed_end, fault)),
        }
        Ok(Some(batch))
    }

    /// Hands the items of the next batch over one by one: for whoever looks at them and keeps none.
    ///
    /// # Errors
    /// [`TraceError::Corrupt`], [`TraceError::Read`].
    pub fn next_batch_with(&mut self, take: impl FnMut(Item)) -> Result<Option<SealedBatch>, TraceError> {
        let Some(batch) = self.load_batch()? else {
            return Ok(None);
        };
        self.for_each_loaded(take)?;
        Ok(Some(batch))
    }

    fn for_each_loaded(&self, take: impl FnMut(Item)) -> Result<(), TraceError> {
        match Rows::new(&self.lanes, &self.meanings) {
            Ok(rows) => {
                rows.for_each(take);
                Ok(())
            }
            Err(fault) => Err(self.corrupt(self.sealed_end, fault)),
        }
    }

    /// Gives the lanes of the batch that was loaded, with what its words mean, and takes others for the next one.
    pub(super) fn swap_lanes(&mut self, lanes: Lanes) -> (Lanes, Arc<Meanings>) {
        (std::mem::replace(&mut self.lanes, lanes), Arc::clone(&self.meanings))
    }

    /// Reading failed where the last message ended.
    pub(super) fn read_error(&self, source: std::io::Error) -> TraceError {
        TraceError::Read { offset: self.messages.offset(), source }
    }

    /// Reads the next batch and compares its seal, which comes before any of its items is believed.
    pub(super) fn load_batch(&mut self) -> Result<Option<SealedBatch>, TraceError> {
        if self.is_over {
            return Ok(None);
        }
        // Until the batch is whole, everything ends here.
        self.is_over = true;
        let begin = self.sealed_end;
        loop {
            let offset = self.messages.offset();
            match self.messages.next() {
                Ok(Next::Message) => {
                    if self.is_ended {
                        return Err(self.corrupt(offset, Fault::BehindTheEnd));
                    }
                    match self.take_message() {
                        Ok(None) => {}
                        Ok(Some((rows, is_end))) => {
                            let number = self.next_number;
                            self.next_number += 1;
                            self.sealed_end = self.messages.offset();
                            self.is_ended = is_end;
                            self.is_over = false;
                            return Ok(Some(SealedBatch { number, rows, bytes: begin..self.sealed_end, is_end }));
                        }
                        Err(fault) => return Err(self.corrupt(offset, fault)),
                    }
                }
                Ok(Next::EndMark) if !self.is_ended => return Err(self.corrupt(offset, Fault::EndWithoutSeal)),
                Ok(Next::EndMark) => {
                    let is_at_end = self.messages.is_at_end();
                    if !is_at_end.map_err(|source| TraceError::Read { offset, source })? {
                        return Err(self.corrupt(offset, Fault::BehindTheEnd));
                    }
                    self.tail = Tail::Clean;
                    return Ok(None);
                }
                // Behind the seal of the end, nothing can be torn but its mark.
                Ok(Next::Torn { bytes }) if self.is_ended && bytes >= END_MARK_BYTES => {
                    return Err(self.corrupt(offset, Fault::BehindTheEnd));
                }
                Ok(Next::Nothing | Next::Torn { .. }) => {
                    self.tail = Tail::Torn { bytes: self.messages.offset() - self.sealed_end };
                    return Ok(None);
                }
                Err(Stop::Fault(fault)) => return Err(self.corrupt(offset, fault)),
                Err(Stop::Read(source)) => return Err(TraceError::Read { offset: self.messages.offset(), source }),
            }
        }
    }

    /// Takes the message that was read: a dictionary, or a batch, of which it returns the items and whether it is the end.
    fn take_message(&mut self) -> Result<Option<(u64, bool)>, Fault> {
        let message = self.messages.message()?;
        match message.header_type() {
            MessageHeader::DictionaryBatch => {
                let batch = message.header_as_dictionary_batch().ok_or(Fault::MessageKind)?;
                let known = self.header.layout.dictionaries.iter().position(|id| *id == batch.id());
                let known = known.and_then(|place| Dictionary::ALL.get(place).zip(self.dictionaries.get_mut(place)));
                // A dictionary of a column that a newer version added is of no use here.
                if let Some((dictionary, slot)) = known {
                    let column = dictionary.column();
                    if slot.is_some() {
                        return Err(Fault::Dictionary { column });
                    }
                    *slot = Some(read_words(column, batch, self.messages.body())?);
                }
                Ok(None)
            }
            MessageHeader::RecordBatch => {
                if self.next_number == 0 {
                    let metadata = self.header.metadata.each_ref().map(String::as_str);
                    let (meanings, chain) = begin(&self.dictionaries, metadata)?;
                    (self.meanings, self.chain, self.added_chain) = (Arc::new(meanings), chain, chain);
                }
                let batch = message.header_as_record_batch().ok_or(Fault::MessageKind)?;
                self.lanes.read(layout(&self.header), batch, self.messages.body())?;
                self.check_seal().map(Some)
            }
            _ => Err(Fault::MessageKind),
        }
    }

    fn check_seal(&mut self) -> Result<(u64, bool), Fault> {
        let seal = Rows::new(&self.lanes, &self.meanings)?.seal().ok_or(Fault::NoSeal)?;
        let rows = self.lanes.rows() as u64 - 1;
        if seal.rows != rows.cast_signed() {
            return Err(Fault::SealRows { sealed: seal.rows, rows });
        }
        if seal.number != self.next_number {
            return Err(Fault::SealNumber { found: seal.number });
        }
        let computed = self.lanes.seal(0, self.chain, seal.is_end)?;
        if seal.checksum != i64::from(computed) {
            return Err(Fault::SealChecksum { sealed: seal.checksum, computed });
        }
        self.chain = computed;
        if self.header.minor > 0 {
            let sealed = seal.added_checksum.ok_or(Fault::NoSeal)?;
            let computed = self.lanes.seal(1, self.added_chain, seal.is_end)?;
            if sealed != u64::from(computed) {
                return Err(Fault::SealChecksum { sealed: sealed.cast_signed(), computed });
            }
            self.added_chain = computed;
        }
        Ok((rows, seal.is_end))
    }

    fn corrupt(&self, offset: u64, fault: Fault) -> TraceError {
        TraceError::Corrupt { batch: self.next_number, offset, fault }
    }
}

impl<R: Read + Seek> TraceReader<R> {
    /// Goes to a place that [`mark`](Self::mark) gave before; the next batch is the one behind it. Errors and the end are
    /// forgotten and will be met again.
    ///
    /// # Errors
    /// [`TraceError::Read`]; nothing can be read then until a place is gone to.
    pub fn go_to(&mut self, mark: BatchMark) -> Result<(), TraceError> {
        let BatchMark { offset, number, chain, added_chain, is_ended } = mark;
        self.is_over = true;
        self.messages.seek(offset).map_err(|source| TraceError::Read { offset, source })?;
        if number == 0 {
            // The dictionaries stand before the first batch and come again.
            self.dictionaries = [None, None, None];
        }
        self.sealed_end = offset;
        self.next_number = number;
        self.chain = chain;
        self.added_chain = added_chain;
        self.is_ended = is_ended;
        self.is_over = false;
        self.tail = Tail::NotReached;
        Ok(())
    }
}

fn layout(header: &Header) -> &Layout {
    &header.layout
}

fn header_error(stop: Stop, offset: u64) -> TraceError {
    match stop {
        Stop::Read(source) => TraceError::Read { offset, source },
        Stop::Fault(fault) => TraceError::Header { fault },
    }
}

/// What can be said once the dictionaries are there: what their words mean, and where the chain of seals begins.
fn begin(dictionaries: &[Option<Vec<String>>; 3], metadata: [&str; 3]) -> Result<(Meanings, u32), Fault> {
    let words = |dictionary: Dictionary| {
        let words = dictionaries.get(dictionary as usize).and_then(|words| words.as_deref());
        words.ok_or(Fault::Dictionary { column: dictionary.column() })
    };
    let [ops, implementations, causes] = [words(Dictionary::Op)?, words(Dictionary::Impl)?, words(Dictionary::Cause)?];
    let chain = header_chain(metadata, [ops, implementations, causes]);
    Ok((Meanings::new(ops, implementations, causes), chain))
}
