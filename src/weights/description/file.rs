//! Descriptions as TOML files, and as JSON in metadata.

use std::io::Read;
use std::path::Path;

use super::{Description, VERSION};
use crate::weights::WeightsError;

/// No description may be longer: a stranger's file must not fill the memory.
const LONGEST: u64 = 64 << 20;

impl Description {
    /// Reads a TOML file.
    pub fn read(path: &Path) -> Result<Description, WeightsError> {
        let io = |action| move |source| WeightsError::Io { path: path.to_owned(), action, source };
        // Asked before opening: opening a pipe would wait for its writer.
        if !std::fs::metadata(path).map_err(io("open"))?.is_file() {
            return Err(WeightsError::NotAFile { path: path.to_owned() });
        }
        let mut text = String::new();
        let file = std::fs::File::open(path).map_err(io("open"))?;
        file.take(LONGEST + 1).read_to_string(&mut text).map_err(io("read"))?;
        Description::from_toml(&path.display().to_string(), &text)
    }

    /// From the graph of an ONNX model, whose initializers are called like the tensors.
    pub fn from_graph(path: &Path) -> Result<Description, WeightsError> {
        Ok(crate::weights::onnx::open(path)?.1)
    }

    /// From the text of a TOML file; `origin` says whose it is, in errors.
    pub fn from_toml(origin: &str, text: &str) -> Result<Description, WeightsError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let refuse = |problem: String| WeightsError::Description { origin: origin.to_owned(), problem };
        if text.len() as u64 > LONGEST {
            return Err(refuse(format!("it is longer than {LONGEST} bytes")));
        }
        let description: Description =
            toml::from_str(text).map_err(|error| refuse(error.to_string().trim_end().to_owned()))?;
        description.checked(origin)
    }

    /// From the JSON of the metadata key `elight.network`.
    pub fn from_json(origin: &str, text: &str) -> Result<Description, WeightsError> {
        let refuse = |problem: String| WeightsError::Description { origin: origin.to_owned(), problem };
        let description: Description = serde_json::from_str(text).map_err(|error| refuse(error.to_string()))?;
        description.checked(origin)
    }

    /// As the text of a TOML file.
    pub fn to_toml(&self) -> String {
        let body = toml::to_string(self).unwrap_or_default();
        format!(
            "# What the network is taken for: correct it, and give it to elight-plan with --network.\n\
             # docs/weights.md explains the keys.\n\n{body}"
        )
    }

    fn checked(self, origin: &str) -> Result<Description, WeightsError> {
        let refuse = |problem: String| WeightsError::Description { origin: origin.to_owned(), problem };
        if self.version != VERSION {
            return Err(refuse(format!("its version is {}, and this program reads version {VERSION}", self.version)));
        }
        let mut names = std::collections::HashSet::new();
        match self.layers.iter().find(|layer| !names.insert(layer.name.as_str())) {
            Some(layer) => Err(refuse(format!("two layers are called `{}`", layer.name.escape_debug()))),
            None => Ok(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::description::{Certainty, Layer, LeftOut, Operation};

    fn example() -> Description {
        let layer = Layer {
            name: "up.0".into(),
            tensor: Some("up.0.weight".into()),
            kind: Operation::TransposedConv2d,
            axes: "in out k k".parse().ok(),
            pick: vec![],
            rows: Some([0, 8]),
            groups: Some(2),
            vectors: Some(196),
            inputs: vec!["input".into()],
            scale: Some("up.0.scale".into()),
            certainty: Certainty::Assumed,
            ..Layer::default()
        };
        let left_out = vec![LeftOut { tensor: "pe".into(), reason: "a constant".into() }];
        Description { version: VERSION, layers: vec![layer], left_out, ..Description::default() }
    }

    #[test]
    fn toml_and_json_round_trip() {
        let description = example();
        assert_eq!(Description::from_toml("net.toml", &description.to_toml()).unwrap(), description);
        let json = serde_json::to_string(&description).unwrap();
        assert_eq!(Description::from_json("metadata", &json).unwrap(), description);
    }

    #[test]
    fn a_short_file_has_defaults() {
        let text = "\u{feff}version = 1\n[[layer]]\nname = \"fc.weight\"\n";
        let description = Description::from_toml("net.toml", text).unwrap();
        let layer = &description.layers[0];
        assert_eq!((layer.tensor(), layer.axes().to_string()), ("fc.weight", "out in".to_owned()));
        assert_eq!(layer.certainty, Certainty::Stated);
    }

    #[test]
    fn mistakes_are_named() {
        let error = |text: &str| Description::from_toml("net.toml", text).unwrap_err().to_string();
        assert!(error("version = 2").contains("version is 2"));
        assert!(error("version = 1\n[[layer]]\nname = 'a'\nkinds = 'linear'\n").contains("kinds"));
        assert!(error("version = 1\n[[layer]]\nname = 'a'\naxes = 'out on'\n").contains("`on` is no axis"));
        assert!(error("version = 1\n[[layer]]\nname = 'a'\n[[layer]]\nname = 'a'\n").contains("two layers"));
    }
}
