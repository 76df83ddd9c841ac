//! Where pages of long lists begin: whoever reads a list page by page never makes the database count
//! its way to the page.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use crate::ids::PracticeName;

/// How many places are remembered. A walk needs one.
const MOST: usize = 1024;

/// Which place in which list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) practice: PracticeName,
    pub(super) table: &'static str,
    /// How many come before it.
    pub(super) offset: u64,
}

/// What comes right before a place, and how many resources had been removed by then: ids are given
/// in the order of creation, so only a removal moves a place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    last_id: String,
    removals: i64,
}

/// Places remembered, the latest ones.
#[derive(Debug, Default)]
pub(super) struct Bookmarks {
    kept: Mutex<(HashMap<Place, Mark>, VecDeque<Place>)>,
}

impl Bookmarks {
    /// The id right before a place, unless something was removed since.
    pub(super) fn find(&self, place: &Place, removals: i64) -> Option<String> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.0
            .get(place)
            .filter(|mark| mark.removals == removals)
            .map(|mark| mark.last_id.clone())
    }

    /// Remembers the id right before a place.
    pub(super) fn keep(&self, place: Place, last_id: &str, removals: i64) {
        let mark = Mark {
            last_id: last_id.to_owned(),
            removals,
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (marks, order) = &mut *kept;
        if marks.insert(place.clone(), mark).is_none() {
            order.push_back(place);
        }
        if order.len() > MOST
            && let Some(oldest) = order.pop_front()
        {
            marks.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(offset: u64) -> Place {
        Place {
            practice: PracticeName::from("elm"),
            table: "scim_user",
            offset,
        }
    }

    #[test]
    fn a_place_is_known_until_something_was_removed() {
        let bookmarks = Bookmarks::default();
        bookmarks.keep(place(100), "u99", 3);

        assert_eq!(bookmarks.find(&place(100), 3).as_deref(), Some("u99"));
        assert_eq!(bookmarks.find(&place(100), 4), None);
        assert_eq!(bookmarks.find(&place(200), 3), None);
    }

    #[test]
    fn only_so_many_places_are_kept() {
        let bookmarks = Bookmarks::default();
        for offset in 0..=MOST as u64 {
            bookmarks.keep(place(offset), "u", 0);
            bookmarks.keep(place(offset), "u", 0);
        }

        assert_eq!(bookmarks.find(&place(0), 0), None);
        assert!(bookmarks.find(&place(1), 0).is_some());
        assert_eq!(bookmarks.kept.lock().unwrap().0.len(), MOST);
    }
}
