//! Levels and values against vectors that the ELight reference made: `fixtures/golden` always, and all cases of
//! `../shared/golden` where that folder exists.

use elight::level::{DeviceProfile, Quantizer, Reparam, ScaleMode};
use safetensors::{Dtype, SafeTensors};
use std::path::{Path, PathBuf};

/// What a case file holds, flat in the order `[P, Q, k, k]`.
struct Case {
    name: String,
    bits: u8,
    shape: Vec<usize>,
    weight: Vec<f32>,
    /// Combined, plus and minus.
    levels: [Vec<i16>; 3],
    values: Vec<f32>,
    alpha: f64,
}

impl Case {
    fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let json = std::fs::read_to_string(path.with_extension("json")).unwrap();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        Self {
            bits: name[1..name.find('_').unwrap()].parse().unwrap(),
            name,
            shape: tensors.tensor("weight").unwrap().shape().to_vec(),
            weight: floats(&tensors, "weight"),
            levels: ["level_comb", "level_pos", "level_neg"].map(|array| shorts(&tensors, array)),
            values: floats(&tensors, "cpu_q"),
            alpha: json["alpha"].as_f64().unwrap(),
        }
    }

    fn check(&self) {
        let device = DeviceProfile::load("elight", Some(self.bits)).unwrap();
        let quantizer = Quantizer::new(&device, Reparam::Tanh, ScaleMode::Layer);
        let cols = *self.shape.last().unwrap();
        let rows = self.weight.len() / cols;
        let matrix = quantizer.quantize(rows, cols, &self.weight);

        let [combined, plus, minus] = &self.levels;
        assert_eq!(&matrix.levels, combined, "{}", self.name);
        let pairs = || matrix.levels.iter().map(|&level| (level.max(0), level.min(0)));
        assert!(pairs().map(|(p, _)| p).eq(plus.iter().copied()), "{}: plus array", self.name);
        assert!(pairs().map(|(_, m)| m).eq(minus.iter().copied()), "{}: minus array", self.name);

        let scale = matrix.scales.of_row(0);
        assert!((f64::from(scale) - self.alpha).abs() <= 1e-6 * self.alpha, "{}: scale {scale}", self.name);
        assert_eq!(matrix.levels.len(), self.values.len());
        for (i, (&level, &expected)) in matrix.levels.iter().zip(&self.values).enumerate() {
            let got = quantizer.dequantize(level, scale);
            assert!(
                (got - f64::from(expected)).abs() <= 1e-6 * self.alpha,
                "{}[{i}]: {got}, not {expected}",
                self.name
            );
        }
    }
}

fn tensor<'a>(tensors: &SafeTensors<'a>, name: &str, dtype: Dtype) -> &'a [u8] {
    let view = tensors.tensor(name).unwrap();
    assert_eq!(view.dtype(), dtype, "{name}");
    view.data()
}

fn floats(tensors: &SafeTensors, name: &str) -> Vec<f32> {
    tensor(tensors, name, Dtype::F32).as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect()
}

fn shorts(tensors: &SafeTensors, name: &str) -> Vec<i16> {
    tensor(tensors, name, Dtype::I16).as_chunks().0.iter().map(|&b| i16::from_le_bytes(b)).collect()
}

/// The case files of a folder, sorted: `b*_p*_q*_k*.safetensors`.
fn cases(folder: &Path) -> Vec<PathBuf> {
    let is_case = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with('b') && name.contains("_p") && name.ends_with(".safetensors")
    };
    let mut cases: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).filter(is_case).collect();
    cases.sort();
    cases
}

#[test]
fn fixtures_agree_with_the_reference() {
    let cases = cases(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden"));
    assert!(cases.len() >= 3);
    cases.iter().for_each(|path| Case::read(path).check());
}

#[test]
fn every_shared_case_agrees_with_the_reference() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/golden");
    if !folder.is_dir() {
        println!("skipped: {} is not here; fixtures/golden is checked instead", folder.display());
        return;
    }
    let cases = cases(&folder);
    assert!(!cases.is_empty());
    println!("{} cases", cases.len());
    cases.iter().for_each(|path| Case::read(path).check());
}
