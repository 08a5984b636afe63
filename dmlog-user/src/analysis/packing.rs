//! Tables in fewer bytes, for copies of a session in which nobody counts.
//!
//! What is read was written by [`put`] in the same process; whoever keeps it elsewhere in between has to check that it is what
//! it was. Behind the end there are zeros.

/// Bits of a number in one byte.
const GROUP_BITS: u32 = 7;
/// The number goes on.
const MORE: u8 = 1 << GROUP_BITS;

/// A table that can be written in fewer bytes.
pub trait Pack {
    /// Writes everything that it holds behind `bytes`.
    fn pack(&self, bytes: &mut Vec<u8>);

    /// Becomes what was written, and uses again what memory it has; takes as many of the bytes as it wrote.
    fn unpack(&mut self, bytes: &mut &[u8]);
}

/// Writes a number in groups of seven bits, the lowest first; all but the last group with a bit above.
#[inline]
pub fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= u64::from(MORE) {
        #[expect(clippy::cast_possible_truncation, reason = "only the low bits are wanted")]
        let low = number as u8;
        bytes.push(low | MORE);
        number >>= GROUP_BITS;
    }
    #[expect(clippy::cast_possible_truncation, reason = "below 128")]
    let last = number as u8;
    bytes.push(last);
}

/// Reads a number that [`put`] wrote.
#[inline]
pub fn take(bytes: &mut &[u8]) -> u64 {
    match bytes.split_first() {
        Some((&byte, rest)) if byte & MORE == 0 => {
            *bytes = rest;
            u64::from(byte)
        }
        _ => take_long(bytes),
    }
}

fn take_long(bytes: &mut &[u8]) -> u64 {
    let (mut number, mut shift) = (0, 0);
    while let Some((&byte, rest)) = bytes.split_first() {
        *bytes = rest;
        number |= u64::from(byte & !MORE).checked_shl(shift).unwrap_or(0);
        shift += GROUP_BITS;
        if byte & MORE == 0 {
            break;
        }
    }
    number
}

/// Reads how many there are of something.
pub fn take_count(bytes: &mut &[u8]) -> usize {
    usize::try_from(take(bytes)).unwrap_or(usize::MAX)
}

/// Writes a list in which most things are `nothing`: how many of those there are, how many others, and these, again and again.
pub fn put_sparse<T: PartialEq>(
    bytes: &mut Vec<u8>,
    list: &[T],
    nothing: &T,
    mut put_one: impl FnMut(&mut Vec<u8>, &T),
) {
    put(bytes, list.len() as u64);
    let mut rest = list;
    while !rest.is_empty() {
        let nothings = rest.iter().position(|one| one != nothing).unwrap_or(rest.len());
        let (_, behind) = rest.split_at(nothings);
        let others = behind.iter().position(|one| one == nothing).unwrap_or(behind.len());
        let (here, behind) = behind.split_at(others);
        put(bytes, nothings as u64);
        put(bytes, others as u64);
        for one in here {
            put_one(bytes, one);
        }
        rest = behind;
    }
}

/// Reads what [`put_sparse`] wrote into `list`, whose memory is used again.
pub fn take_sparse<T: Clone>(
    bytes: &mut &[u8],
    list: &mut Vec<T>,
    nothing: &T,
    mut take_one: impl FnMut(&mut &[u8]) -> T,
) {
    let length = take_count(bytes);
    list.clear();
    list.reserve_exact(length);
    while list.len() < length && !bytes.is_empty() {
        let nothings = take_count(bytes).min(length - list.len());
        list.resize(list.len() + nothings, nothing.clone());
        let others = take_count(bytes).min(length - list.len());
        list.extend((0..others).map(|_one| take_one(bytes)));
    }
}

#[cfg(test)]
mod tests {
    use super::{put, put_sparse, take, take_sparse};

    #[test]
    fn numbers_come_back() {
        let numbers = [0, 1, 127, 128, 255, 16_383, 16_384, u64::from(u32::MAX), u64::MAX - 1, u64::MAX];
        let mut bytes = Vec::new();
        for number in numbers {
            put(&mut bytes, number);
        }
        assert_eq!(bytes.len(), 1 + 1 + 1 + 2 + 2 + 2 + 3 + 5 + 10 + 10);
        let mut rest = bytes.as_slice();
        assert_eq!(numbers.map(|_number| take(&mut rest)), numbers);
        assert_eq!((rest.len(), take(&mut rest)), (0, 0));
    }

    #[test]
    fn lists_with_holes_come_back() {
        let lists: [&[u64]; 6] = [&[], &[0], &[7], &[0, 0, 7, 300, 0], &[5, 0, 0, 0, 0, 6], &[1, 2, 3]];
        let mut bytes = Vec::new();
        for list in lists {
            put_sparse(&mut bytes, list, &0, |bytes, number| put(bytes, *number));
        }
        let (mut rest, mut read) = (bytes.as_slice(), vec![9; 9]);
        for list in lists {
            take_sparse(&mut rest, &mut read, &0, take);
            assert_eq!(read, list);
        }
        assert!(rest.is_empty());
    }
}
