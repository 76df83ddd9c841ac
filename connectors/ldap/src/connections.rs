//! Open LDAP connections, counted in OpenLDAP's monitor database.
//!
//! Closing an account does not cut them, and no request does: only the server's administrator can.

use drawbridge_sdk::{CallError, FailureClass, Sessions};
use ldap3::Scope;

use crate::{
    client::Server,
    dn,
    entry::Entry,
    filter::equals,
    search::Directory,
    session::{EVERYTHING, Query, Session},
};

/// Who a connection is bound as.
const BOUND_AS: &str = "monitorConnectionAuthzDN";

/// The DNs that open connections are bound as.
#[derive(Debug, Clone)]
pub(crate) struct Connections(Vec<String>);

impl Connections {
    /// The connections of one account. One bound under a DN that ends differently counts too: the
    /// account may have been moved since, and the connection keeps the name it was opened with.
    pub(crate) fn of(&self, account: &Entry) -> Sessions {
        let leaf = dn::leaf(&account.dn);
        let is_theirs = |bound: &&String| dn::same(dn::leaf(bound), leaf);
        match u32::try_from(self.0.iter().filter(is_theirs).count()) {
            Ok(0) => Sessions::None,
            Ok(open) => Sessions::Open(open),
            Err(_) => Sessions::Open(u32::MAX),
        }
    }
}

impl Directory {
    /// The open connections; `None` where they cannot be read, and so where nothing is known of them.
    pub(crate) async fn connections(
        &self,
        session: &mut Session,
        server: &Server,
    ) -> Result<Option<Connections>, CallError> {
        let Some(monitor) = &self.monitor_dn else {
            return Ok(None);
        };
        match self.read_connections(session, server, monitor).await {
            Ok(connections) => Ok(connections),
            // Rights, a missing database: the sessions are unreadable, the rest of the reading is not.
            Err(error) if matches!(error.class, FailureClass::Refused | FailureClass::Contract) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn read_connections(
        &self,
        session: &mut Session,
        server: &Server,
        monitor: &str,
    ) -> Result<Option<Connections>, CallError> {
        let own = Query {
            step: "count connections",
            line: "search {monitor}: this connection itself",
            base: &format!("cn=Connections,{monitor}"),
            scope: Scope::OneLevel,
            filter: &equals(BOUND_AS, &server.bind_dn),
            attributes: &[BOUND_AS],
        };
        // Whoever does not see their own connection sees no other: an empty answer proves nothing.
        if session.search(own).await?.is_empty() {
            return Ok(None);
        }
        let line = "search {monitor}: open connections";
        let all = session
            .search(Query {
                line,
                filter: EVERYTHING,
                ..own
            })
            .await?;
        let bound = all
            .iter()
            .filter_map(|connection| connection.text(BOUND_AS));
        Ok(Some(Connections(bound.map(str::to_owned).collect())))
    }
}

#[cfg(test)]
mod tests {
    use ldap3::SearchEntry;

    use super::*;

    fn account(dn: &str) -> Entry {
        Entry::from(SearchEntry {
            dn: dn.to_owned(),
            attrs: [].into(),
            bin_attrs: [].into(),
        })
    }

    #[test]
    fn a_connection_opened_before_the_account_was_moved_still_counts() {
        let connections = Connections(vec![
            "uid=nina,ou=people,dc=practice,dc=test".to_owned(),
            "uid=otto,ou=people,dc=practice,dc=test".to_owned(),
        ]);

        let moved = account("uid=Nina,ou=offboarded,dc=practice,dc=test");
        let absent = account("uid=nin,ou=people,dc=practice,dc=test");

        assert_eq!(connections.of(&moved), Sessions::Open(1));
        assert_eq!(connections.of(&absent), Sessions::None);
    }
}
