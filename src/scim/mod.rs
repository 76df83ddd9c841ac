//! THE FRONT DOOR: the SCIM 2.0 protocol.
