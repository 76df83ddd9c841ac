//! Which operation has to wait for which.

/// The operations in the order in which to do them: as they were sent, but each after those it waits
/// for. Operations that wait for each other in a circle come together, in the order they were sent.
///
/// `waits_for` says of each operation, by its place in the request, which others it waits for.
///
/// # Source
/// RFC 7644 section 3.7.2. The circles are the strongly connected components, found as Tarjan does:
/// "Depth-first search and linear graph algorithms", 1972.
pub(in crate::scim) fn in_order(waits_for: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut search = Search {
        waits_for,
        seen: vec![None; waits_for.len()],
        next: 0,
        open: Vec::new(),
        is_open: vec![false; waits_for.len()],
        done: Vec::new(),
    };
    for operation in 0..waits_for.len() {
        if search.seen[operation].is_none() {
            search.visit(operation);
        }
    }
    search.done
}

struct Search<'a> {
    waits_for: &'a [Vec<usize>],
    /// When each was first seen.
    seen: Vec<Option<usize>>,
    next: usize,
    /// Seen, and not known yet with whom in a circle.
    open: Vec<usize>,
    is_open: Vec<bool>,
    done: Vec<Vec<usize>>,
}

impl Search<'_> {
    /// Answers when the earliest seen of those was seen that this one can wait for. It goes no deeper
    /// than there are operations in a request.
    fn visit(&mut self, operation: usize) -> usize {
        let mine = self.next;
        self.next += 1;
        self.seen[operation] = Some(mine);
        self.open.push(operation);
        self.is_open[operation] = true;
        let mut earliest = mine;
        let waits_for = self.waits_for;
        for &other in &waits_for[operation] {
            match self.seen[other] {
                None => earliest = earliest.min(self.visit(other)),
                Some(seen) if self.is_open[other] => earliest = earliest.min(seen),
                Some(_) => {}
            }
        }
        if earliest == mine {
            self.close(operation);
        }
        earliest
    }

    fn close(&mut self, first: usize) {
        let from = self
            .open
            .iter()
            .rposition(|&open| open == first)
            .unwrap_or_default();
        let mut together = self.open.split_off(from);
        for &operation in &together {
            self.is_open[operation] = false;
        }
        together.sort_unstable();
        self.done.push(together);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn without_references_the_order_is_as_sent() {
        assert_eq!(
            in_order(&[vec![], vec![], vec![]]),
            [vec![0], vec![1], vec![2]]
        );
        assert!(in_order(&[]).is_empty());
    }

    #[test]
    fn what_is_waited_for_comes_first_and_the_others_stay_in_place() {
        // 0 waits for 3, which waits for 4; 1 and 2 wait for nobody.
        assert_eq!(
            in_order(&[vec![3], vec![], vec![], vec![4], vec![]]),
            [vec![4], vec![3], vec![0], vec![1], vec![2]]
        );
    }

    #[test]
    fn a_circle_comes_together_after_what_it_waits_for() {
        // 0 -> 1 -> 2 -> 0, and 1 waits for 3 besides; 4 waits for the circle.
        assert_eq!(
            in_order(&[vec![1], vec![2, 3], vec![0], vec![], vec![2]]),
            [vec![3], vec![0, 1, 2], vec![4]]
        );
    }

    #[test]
    fn who_waits_for_itself_is_alone() {
        assert_eq!(in_order(&[vec![0], vec![]]), [vec![0], vec![1]]);
    }

    #[test]
    fn a_chain_of_a_thousand_is_ordered() {
        let chain: Vec<Vec<usize>> = (0..1000)
            .map(|at| if at == 999 { vec![] } else { vec![at + 1] })
            .collect();

        let order = in_order(&chain);

        assert_eq!(order.first(), Some(&vec![999]));
        assert_eq!(order.last(), Some(&vec![0]));
    }

    fn graphs() -> impl Strategy<Value = Vec<Vec<usize>>> {
        (1_usize..12).prop_flat_map(|count| {
            prop::collection::vec(prop::collection::vec(0..count, 0..4), count)
        })
    }

    /// Whether one waits for the other, directly or through others.
    fn reaches(waits_for: &[Vec<usize>], from: usize, to: usize) -> bool {
        let mut seen = vec![false; waits_for.len()];
        let mut left = waits_for[from].clone();
        while let Some(next) = left.pop() {
            if !std::mem::replace(&mut seen[next], true) {
                left.extend(&waits_for[next]);
            }
        }
        seen[to]
    }

    proptest! {
        #[test]
        fn everything_is_done_once_and_nothing_before_what_it_waits_for(waits_for in graphs()) {
            let order = in_order(&waits_for);

            let mut all: Vec<usize> = order.concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..waits_for.len()).collect::<Vec<_>>());
            let place = |operation: usize| order.iter().position(|unit| unit.contains(&operation));
            for (operation, others) in waits_for.iter().enumerate() {
                for &other in others {
                    prop_assert!(place(other) <= place(operation));
                }
            }
            for one in 0..waits_for.len() {
                for other in (0..waits_for.len()).filter(|other| *other != one) {
                    let is_circle =
                        reaches(&waits_for, one, other) && reaches(&waits_for, other, one);
                    prop_assert_eq!(place(one) == place(other), is_circle);
                }
            }
        }
    }
}
