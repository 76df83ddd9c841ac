//! A filter against one resource in memory.

use serde_json::Value;

use super::{Filter, Sort};

impl Filter {
    /// Whether this resource, as JSON with canonical names, fits.
    pub fn matches(&self, resource: &Value) -> bool {
        let _ = resource;
        unimplemented!("written by the front door")
    }
}

impl Sort {
    /// Puts resources in order; those without the attribute come last, equal ones keep their order.
    pub fn order(&self, resources: &mut [Value]) {
        let _ = resources;
        unimplemented!("written by the front door")
    }
}
