//! The library's choices as values of options: the library knows nothing of command lines.

use clap::ValueEnum;
use elight::level::{Reparam, ScaleMode};
use elight::order::{Effort, Objective, Order, Reach, Rows};
use elight::weights::Layout;

/// An enum of the library under a name of its own, with the help of each value.
macro_rules! choices {
    ($($name:ident of $type:ident { $($(#[doc = $help:literal])+ $value:ident,)+ })+) => {$(
        #[doc = concat!("Values of [`", stringify!($type), "`].")]
        #[derive(Clone, Copy, Debug, ValueEnum)]
        pub enum $name {
            $($(#[doc = $help])+ $value,)+
        }

        impl From<$name> for $type {
            fn from(choice: $name) -> Self {
                match choice {
                    $($name::$value => Self::$value,)+
                }
            }
        }
    )+};
}

choices! {
    ReachArg of Reach {
        /// It keeps its lane; only its step changes.
        Lane,
        /// Any lane of its row.
        Row,
    }
    RowsArg of Rows {
        /// Each stays where it is stored.
        Stored,
        /// Any row of a layer on any core row, in any of the layer's tile rows.
        Any,
    }
    OrderArg of Order {
        /// As stored.
        Natural,
        /// ELight's: each cell ascending, in every tile row.
        Sorted,
        /// The fewest writes for the given reach.
        Optimal,
    }
    EffortArg of Effort {
        /// Local search and a few kicks.
        Fast,
        /// Near the optimum.
        Good,
        /// Nearer.
        Best,
    }
    ObjectiveArg of Objective {
        /// Level steps of all PCM cells.
        Writes,
        /// Energy of the writes.
        Energy,
        /// Time to program the core.
        Latency,
        /// Wear of the PCM cell that is worn most.
        Wear,
    }
    LayoutArg of Layout {
        /// PyTorch's layouts, recognised by shape and name.
        Auto,
        /// Every tensor of two or more dimensions as a matrix, without recognition.
        Matrix,
        /// ELight's blocks [P, Q, k, k].
        Blocks,
    }
    ReparamArg of Reparam {
        /// The weight.
        None,
        /// Its hyperbolic tangent.
        Tanh,
    }
    ScaleArg of ScaleMode {
        /// Each output row.
        Row,
        /// The whole layer.
        Layer,
    }
}
