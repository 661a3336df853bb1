//! STUB
use super::EtcdVersion;
/// stub
pub struct Member;
impl Member {
    /// stub
    pub fn new(_: &str, _: &[String], _: Option<EtcdVersion>) -> Self {
        Self
    }
    /// stub
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        Vec::new()
    }
    /// stub
    pub fn rows(&self) -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
        Vec::new()
    }
}
