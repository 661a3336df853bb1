//! The types that have a JSON form of their own.

use super::Damage;
use super::memo::What;
use super::notes::note;
use super::walk::{Role, Step, Walker, damaged};
use crate::kube::sink::Sink;
use crate::kube::table::{Kind, MessageId, Slot};
use crate::kube::wire::{self, WireFault, WireType};
use crate::kube::{cbor, envelope, quantity, time};

/// The fields 1 to 3 of a special type. All of them have no more.
#[derive(Clone, Copy, Default)]
struct Fields<'a> {
    numbers: [u64; 3],
    bytes: [Option<&'a [u8]>; 3],
}

impl<'a> Fields<'a> {
    /// `wires` are the wire types of the fields that there are; others are stepped over.
    fn read(data: &'a [u8], wires: &[WireType]) -> Result<Self, Damage> {
        let mut found = Self::default();
        let mut at = 0;
        while at < data.len() {
            let tag = wire::tag(data, &mut at)?;
            let place = (tag.number - 1) as usize;
            match wires.get(place) {
                None => wire::skip(data, &mut at, tag.wire)?,
                Some(wanted) if *wanted != tag.wire => return Err(Damage::Wire(WireFault::WrongWireType)),
                Some(WireType::Varint) => {
                    let number = wire::varint(data, &mut at)?;
                    found.numbers.get_mut(place).into_iter().for_each(|found| *found = number);
                }
                Some(_) => {
                    let (start, end) = wire::payload(data, &mut at)?;
                    found.bytes.get_mut(place).into_iter().for_each(|found| *found = data.get(start..end));
                }
            }
        }
        Ok(found)
    }
}

/// Calls `each` with the payloads of a field that is delimited by its length.
fn each_payload<'a>(data: &'a [u8], number: u32, mut each: impl FnMut(&'a [u8]) -> Step) -> Result<Step, WireFault> {
    let mut at = 0;
    while at < data.len() {
        let tag = wire::tag(data, &mut at)?;
        if tag.number == number && tag.wire == WireType::Bytes {
            let (start, end) = wire::payload(data, &mut at)?;
            if let Err(error) = each(data.get(start..end).unwrap_or_default()) {
                return Ok(Err(error));
            }
        } else {
            wire::skip(data, &mut at, tag.wire)?;
        }
    }
    Ok(Ok(()))
}

/// Seconds and nanoseconds of `meta.v1.Timestamp`; nothing for the zero time.
fn timestamp(data: &[u8]) -> Result<Option<(i64, i64)>, Damage> {
    if data.is_empty() {
        return Ok(None);
    }
    let fields = Fields::read(data, &[WireType::Varint, WireType::Varint])?;
    let [seconds, nanos, _] = fields.numbers;
    Ok(Some((seconds.cast_signed(), i64::from(nanos as i32))))
}

impl<S: Sink> Walker<'_, S> {
    /// Whether Go's omitzero or omitempty leaves a value out.
    pub fn is_zero(&self, kind: Kind, bytes: &[u8]) -> bool {
        match kind {
            Kind::Time => matches!(timestamp(bytes), Ok(None | Some((time::ZERO_SECONDS, _)))),
            Kind::StringList => bytes.is_empty(),
            _ => false,
        }
    }

    /// A value that is delimited by its length, but is no message of the table.
    pub fn value(&mut self, slot: &Slot, bytes: &[u8], message: &'static str) -> Step {
        let number = u32::from(slot.number);
        let fault = |what: Damage| damaged(message, number, what);
        match slot.kind {
            Kind::String => self.string(bytes, message, number),
            Kind::Bytes => self.sink.bytes(bytes),
            Kind::Time => match timestamp(bytes).map_err(fault)? {
                None | Some((time::ZERO_SECONDS, _)) => self.sink.null(),
                Some((seconds, _)) => self.time(seconds, None),
            },
            Kind::MicroTime => self.micro_time(timestamp(bytes).map_err(fault)?),
            Kind::Quantity => match Fields::read(bytes, &[WireType::Bytes]).map_err(fault)?.bytes[0] {
                None => self.sink.string("0"),
                Some(text) => self.quantity(text, message, number),
            },
            Kind::IntOrString => {
                let wires = [WireType::Varint, WireType::Varint, WireType::Bytes];
                let fields = Fields::read(bytes, &wires).map_err(fault)?;
                match fields.numbers {
                    [0, value, _] => self.sink.int(i64::from(value as i32)),
                    [1, ..] => self.string(fields.bytes[2].unwrap_or_default(), message, number),
                    _ => return Err(fault(Damage::NeitherIntNorString)),
                }
            }
            Kind::Raw => match Fields::read(bytes, &[WireType::Bytes]).map_err(fault)?.bytes[0] {
                None | Some([]) => self.sink.null(),
                // A text alone would be folded by what stands before it on its line.
                Some(raw) if raw.starts_with(b"{") => {
                    self.remembered(What::Json, raw, |walker| walker.embedded(raw, message, number))?;
                }
                Some(raw) => self.embedded(raw, message, number)?,
            },
            Kind::StringList => self.strings(bytes, 1, message, number)?,
            Kind::OrBool(id) => {
                let fields = Fields::read(bytes, &[WireType::Varint, WireType::Bytes]).map_err(fault)?;
                match fields.bytes[1] {
                    Some(schema) => self.message(id, schema, Role::Part)?,
                    None => self.sink.bool(fields.numbers[0] != 0),
                }
            }
            Kind::OrArray(id) => self.schema_or_list(id, bytes, false, message, number)?,
            Kind::OrStringArray(id) => self.schema_or_list(id, bytes, true, message, number)?,
            Kind::Message(id) => self.message(id, bytes, Role::Part)?,
            Kind::Bool | Kind::Int32 | Kind::Int64 | Kind::Double => {
                return Err(fault(Damage::Wire(WireFault::WrongWireType)));
            }
        }
        Ok(())
    }

    /// JSON that the object carries as it came: managed fields, raw extensions, defaults in schemas.
    fn embedded(&mut self, text: &[u8], message: &'static str, number: u32) -> Step {
        if text.starts_with(envelope::CBOR) {
            let read = cbor::read(text, self.sink);
            return read.map_err(|error| damaged(message, number, Damage::EmbeddedCbor(error)));
        }
        let reading = self.space.reader.read(text, self.sink);
        let reading = reading.map_err(|error| damaged(message, number, Damage::EmbeddedJson(error)))?;
        if reading.replaced > 0 {
            note(&mut self.notes.invalid_text, &mut self.notes.more, message, number);
        }
        Ok(())
    }

    /// Go reads a quantity and writes it anew, which changes only what no server wrote.
    fn quantity(&mut self, bytes: &[u8], message: &'static str, number: u32) {
        match str::from_utf8(bytes).ok().and_then(|text| quantity::canonical(text).ok()) {
            Some(text) => self.sink.string(&text),
            None => {
                note(&mut self.notes.no_quantity, &mut self.notes.more, message, number);
                self.string(bytes, message, number);
            }
        }
    }

    fn time(&mut self, seconds: i64, micros: Option<u32>) {
        // Many fields of an object have the same time.
        if self.space.time != Some((seconds, micros)) {
            self.space.time = Some((seconds, micros));
            self.space.text.clear();
            time::write(&mut self.space.text, seconds, micros);
        }
        self.sink.string(&self.space.text);
    }

    /// Nanoseconds are cut to whole microseconds, then carried over as Go's time.Unix does.
    fn micro_time(&mut self, stamp: Option<(i64, i64)>) {
        let Some((seconds, nanos)) = stamp else { return self.sink.null() };
        let micros = nanos / 1_000;
        let seconds = seconds.wrapping_add(micros.div_euclid(1_000_000));
        let micros = micros.rem_euclid(1_000_000) as u32;
        if (seconds, micros) == (time::ZERO_SECONDS, 0) { self.sink.null() } else { self.time(seconds, Some(micros)) }
    }

    fn strings(&mut self, bytes: &[u8], field: u32, message: &'static str, number: u32) -> Step {
        self.sink.begin_array();
        let done = each_payload(bytes, field, |text| {
            self.string(text, message, number);
            Ok(())
        });
        done.map_err(|fault| damaged(message, number, fault))??;
        self.sink.end_array();
        Ok(())
    }

    /// {1 schema, 2 list}: the list if there is something in it, else the schema.
    fn schema_or_list(
        &mut self,
        id: MessageId,
        data: &[u8],
        strings: bool,
        message: &'static str,
        number: u32,
    ) -> Step {
        let fields = Fields::read(data, &[WireType::Bytes, WireType::Bytes]);
        let fields = fields.map_err(|what| damaged(message, number, what))?;
        match fields.bytes {
            [_, Some(_), _] if strings => self.strings(data, 2, message, number),
            [_, Some(_), _] => {
                self.sink.begin_array();
                let done = each_payload(data, 2, |schema| self.message(id, schema, Role::Part));
                done.map_err(|fault| damaged(message, number, fault))??;
                self.sink.end_array();
                Ok(())
            }
            [Some(schema), ..] => self.message(id, schema, Role::Part),
            _ => {
                self.sink.null();
                Ok(())
            }
        }
    }
}
