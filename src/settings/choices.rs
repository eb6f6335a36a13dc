//! The library's choices as values of options: the library's other rooms know nothing of command lines.

use clap::ValueEnum;

use crate::explore::Aim;
use crate::level::{Reparam, ScaleMode};
use crate::order::{Effort, Objective, Order, Reach, Rows};
use crate::weights::Layout;

/// An enum of the library under a name of its own, with the help of each value.
macro_rules! choices {
    ($($name:ident of $type:ident { $($(#[doc = $help:literal])+ $(#[value($($name_as:tt)*)])? $value:ident,)+ })+) => {$(
        #[doc = concat!("Values of [`", stringify!($type), "`].")]
        #[derive(Clone, Copy, Debug, ValueEnum)]
        pub enum $name {
            $($(#[doc = $help])+ $(#[value($($name_as)*)])? $value,)+
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
        /// Any cell of the core: an output visits several core rows; nothing is written after the first load, or little (--extra-steps).
        Core,
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
        /// The fewest writes that were found for the given reach; optimal only where the report says so.
        #[value(name = "best", alias = "optimal")]
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

/// What a plan makes small: of the writes, or of the whole inference on a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ObjectiveArg {
    /// Level steps of all PCM cells.
    Writes,
    /// Energy of the writes.
    Energy,
    /// Time to program the core.
    Latency,
    /// Wear of the PCM cell that is worn most.
    Wear,
    /// Time of an inference, by extra steps; needs a system.
    InferenceTime,
    /// Energy of an inference, by extra steps; needs a system.
    InferenceEnergy,
    /// Inferences before the most worn cell is worn out, by extra steps; needs a system.
    Life,
}

impl ObjectiveArg {
    /// What the order itself makes small.
    #[must_use]
    pub fn objective(self) -> Objective {
        match self {
            Self::Energy => Objective::Energy,
            Self::Latency => Objective::Latency,
            Self::Wear => Objective::Wear,
            // Of the whole inference: it is chosen with the extra steps.
            Self::Writes | Self::InferenceTime | Self::InferenceEnergy | Self::Life => Objective::Writes,
        }
    }

    /// What extra steps and batch are chosen for, if they are.
    #[must_use]
    pub fn aim(self) -> Option<Aim> {
        match self {
            Self::InferenceTime => Some(Aim::Time),
            Self::InferenceEnergy => Some(Aim::Energy),
            Self::Life => Some(Aim::Life),
            _ => None,
        }
    }

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> String {
        self.to_possible_value().map_or(String::new(), |value| value.get_name().to_owned())
    }
}
