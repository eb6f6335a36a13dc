//! 2. Weights to levels: device profiles and quantizers.
