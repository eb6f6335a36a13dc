//! 4. Levels to an order: which weight sits in which cell at which step.
