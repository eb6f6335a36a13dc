//! One value for each order.

use serde::{Deserialize, Serialize};

use crate::order::Order;

/// One value for each order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ByOrder<T> {
    /// As stored.
    pub natural: T,
    /// ELight's.
    pub sorted: T,
    /// The fewest writes.
    pub optimal: T,
}

impl<T> ByOrder<T> {
    /// The value of one order.
    pub fn of(&self, order: Order) -> &T {
        match order {
            Order::Natural => &self.natural,
            Order::Sorted => &self.sorted,
            Order::Optimal => &self.optimal,
        }
    }
}
