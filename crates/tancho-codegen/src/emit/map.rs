//! Map kernels: for each row, the body at each point, in groups of lanes and then one by one.

use super::emitter::{Emitter, Env};
use crate::kernel::Scalar;

impl Emitter<'_, '_> {
    pub(super) fn emit_map(&mut self, lanes: usize) {
        let (begin, end) = (self.arguments.inner_begin, self.arguments.inner_end);
        let middle = self.whole_groups(begin, end, lanes);
        let values: Vec<Scalar> = self.kernel.stores.iter().map(|store| store.value).collect();
        self.for_each_row(|emitter, mut row| {
            let needed = emitter.needed(&row, values.iter().copied());
            emitter.evaluate(&mut row, &needed, |place| !place.per_point);
            for (begin, end, lanes) in [(begin, middle, lanes), (middle, end, 1)] {
                emitter.for_loop(begin, end, lanes as i64, &[], |emitter, inner, _| {
                    let mut env = row.at(inner, lanes);
                    emitter.evaluate(&mut env, &needed, |_| true);
                    for store in 0..values.len() {
                        emitter.store_value(&env, store);
                    }
                    Vec::new()
                });
                if lanes == 1 {
                    break;
                }
            }
        });
    }

    /// Writes the value of a store, which the env has.
    pub(super) fn store_value(&mut self, env: &Env, store: usize) {
        let access = self.kernel.loads.len() + store;
        let store = &self.kernel.stores[store];
        let group = env.groups[store.value.index()].clone().expect("what is stored has been computed");
        self.store_access(env, access, store.access.dtype, &group);
    }
}
