//! Ids cut to whole bytes and found by bisection.

/// A sorted list of them.
pub(crate) struct Sorted {
    width: usize,
    ids: Vec<u8>,
}

impl Sorted {
    /// Ids of `width` bytes each, ascending.
    pub(crate) fn from_bytes(ids: Vec<u8>, width: usize) -> Self {
        Self { width, ids }
    }

    /// Whether one of them is how this one begins.
    #[inline]
    pub(crate) fn has(&self, id: &[u8; 16]) -> bool {
        let wanted = &id[..self.width];
        let (mut from, mut to) = (0, self.ids.len() / self.width);
        while from < to {
            let middle = (from + to) / 2;
            if &self.ids[middle * self.width..][..self.width] < wanted {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        self.ids.get(from * self.width..).is_some_and(|rest| rest.starts_with(wanted))
    }

    #[allow(dead_code, reason = "in Wasm nobody asks")]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.ids
    }
}
