//! Who hears how far a load is.

/// Hears how far a load is.
pub trait Observer {
    /// `bytes` of `total` of this inference are taken by the device, which has carried out and logged `frames` frames; `inference` of
    /// `inferences` in this load.
    fn progress(&self, state: &Progress);

    /// Something that the user should know: a lost link, a device that started anew.
    fn note(&self, text: &str);

    /// Whether to stop.
    fn interrupted(&self) -> bool;
}

/// How far a load is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Inference of this load, from 1.
    pub inference: u32,
    /// Inferences of this load.
    pub inferences: u32,
    /// Bytes of this inference that the device has taken.
    pub bytes: u64,
    /// Bytes of this inference.
    pub total: u64,
    /// Frames that the device has carried out and logged.
    pub frames: u32,
    /// Level steps of all PCM cells by the device's count, since it was formatted, when it was asked last.
    pub writes: u64,
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn progress(&self, _: &Progress) {}

    fn note(&self, _: &str) {}

    fn interrupted(&self) -> bool {
        false
    }
}
