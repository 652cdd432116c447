//! Lists side by side in memory.

/// A list for each number from 0, all in one piece of memory.
pub(crate) struct Lists<T> {
    items: Box<[T]>,
    /// Where each list ends.
    ends: Box<[u32]>,
}

impl<T> Lists<T> {
    pub fn of(&self, number: usize) -> &[T] {
        let begin = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.items[begin as usize..self.ends[number] as usize]
    }
}

impl<T, List: IntoIterator<Item = T>> FromIterator<List> for Lists<T> {
    fn from_iter<I: IntoIterator<Item = List>>(lists: I) -> Self {
        let (mut items, mut ends) = (Vec::new(), Vec::new());
        for list in lists {
            items.extend(list);
            ends.push(items.len() as u32);
        }
        Lists { items: items.into(), ends: ends.into() }
    }
}
