//! Places in one piece of memory, taken and given back while a plan is made.

use tancho_tensor::ALIGNMENT;

/// Gaps in one piece of memory, by offset; lowest first.
#[derive(Default)]
pub(crate) struct Arena {
    /// Disjoint and not adjacent, sorted: (offset, bytes).
    gaps: Vec<(usize, usize)>,
    high: usize,
}

impl Arena {
    /// The bytes of memory that all places together need.
    pub(crate) fn bytes(&self) -> usize {
        self.high.next_multiple_of(ALIGNMENT)
    }

    pub(crate) fn take(&mut self, bytes: usize) -> usize {
        let bytes = bytes.max(1).next_multiple_of(ALIGNMENT);
        if let Some(index) = self.gaps.iter().position(|&(_, size)| size >= bytes) {
            let (offset, size) = self.gaps[index];
            if size == bytes {
                self.gaps.remove(index);
            } else {
                self.gaps[index] = (offset + bytes, size - bytes);
            }
            return offset;
        }
        // The last gap grows where it reaches the end.
        if let Some(&(offset, size)) = self.gaps.last()
            && offset + size == self.high
        {
            self.gaps.pop();
            self.high = offset + bytes;
            return offset;
        }
        self.high += bytes;
        self.high - bytes
    }

    pub(crate) fn give_back(&mut self, offset: usize, bytes: usize) {
        let bytes = bytes.max(1).next_multiple_of(ALIGNMENT);
        let index = self.gaps.partition_point(|&(start, _)| start < offset);
        self.gaps.insert(index, (offset, bytes));
        if index + 1 < self.gaps.len() && offset + bytes == self.gaps[index + 1].0 {
            self.gaps[index].1 += self.gaps.remove(index + 1).1;
        }
        if index > 0 && self.gaps[index - 1].0 + self.gaps[index - 1].1 == offset {
            self.gaps[index - 1].1 += self.gaps.remove(index).1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Arena;

    #[test]
    fn gaps_are_merged_and_taken_again() {
        let mut arena = Arena::default();
        let places: Vec<usize> = (0..4).map(|_| arena.take(100)).collect();
        assert_eq!(places, [0, 128, 256, 384]);
        arena.give_back(128, 100);
        arena.give_back(256, 100);
        assert_eq!(arena.take(200), 128);
        arena.give_back(384, 100);
        assert_eq!((arena.take(300), arena.high), (384, 704));
    }
}
