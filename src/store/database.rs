//! The two databases behind one way to run statements.

mod postgres;
mod sqlite;

use std::{sync::Arc, time::Duration};

pub(super) use sqlite::at_length;
use sqlx::{Executor as _, PgPool, migrate::MigrateError, postgres::PgPoolOptions};

use super::{
    Dialect, StoreError, create_private, row::Row, sqlite_path, statement::Statement,
    url_without_password,
};

/// Connections of one server to PostgreSQL.
const CONNECTIONS: u32 = 8;

/// How long to wait for one of them.
const PATIENCE: Duration = Duration::from_secs(8);

/// Where everything is stored.
#[derive(Debug, Clone)]
pub(super) enum Database {
    Sqlite(Arc<sqlite::File>),
    Postgres(PgPool),
}

/// A transaction that writes. Dropped without a commit, nothing is written.
#[derive(Debug)]
pub(super) enum Transaction {
    Sqlite(sqlite::Transaction),
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
}

/// Where rows are read: the database as it is, or an open transaction.
pub(super) trait Reads: Send {
    /// The rows a statement answers.
    ///
    /// # Errors
    /// When the database does not answer.
    fn rows(
        &mut self,
        statement: Statement,
    ) -> impl Future<Output = Result<Vec<Row>, StoreError>> + Send;

    /// The first of them.
    fn row(
        &mut self,
        statement: Statement,
    ) -> impl Future<Output = Result<Option<Row>, StoreError>> + Send {
        async move { Ok(self.rows(statement).await?.into_iter().next()) }
    }
}

impl Database {
    /// Opens the database a URL names; a SQLite file is created if it does not exist.
    pub(super) async fn open(url: &str, dialect: Dialect) -> Result<Self, StoreError> {
        let unusable = || StoreError::Url(url_without_password(url));
        match dialect {
            Dialect::Sqlite => {
                let path = sqlite_path(url).ok_or_else(unusable)?;
                create_private(&path)?;
                Ok(Self::Sqlite(Arc::new(sqlite::File::new(path))))
            }
            Dialect::Postgres => {
                let options = url.parse().map_err(|_| unusable())?;
                let pool = PgPoolOptions::new()
                    .max_connections(CONNECTIONS)
                    .acquire_timeout(PATIENCE)
                    .after_connect(|connection, _| {
                        Box::pin(async move {
                            for statement in Dialect::Postgres.on_connect() {
                                connection.execute(*statement).await?;
                            }
                            Ok(())
                        })
                    })
                    .connect_with(options)
                    .await?;
                Ok(Self::Postgres(pool))
            }
        }
    }

    /// Brings the tables up to date.
    pub(super) async fn migrate(&self) -> Result<(), StoreError> {
        let done = match self {
            Self::Sqlite(file) => sqlite::migrate(file).await,
            Self::Postgres(pool) => Dialect::Postgres.migrator().run(pool).await,
        };
        done.map_err(|error| match error {
            MigrateError::Execute(error) => error.into(),
            other => StoreError::Tables(other.to_string()),
        })
    }

    /// The rows a statement answers. SQLite refuses one that writes; PostgreSQL commits it.
    pub(super) async fn read(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        let statement = statement.checked()?;
        match self {
            Self::Sqlite(file) => Ok(file.read(&statement).await?),
            Self::Postgres(pool) => postgres::rows(statement, &mut *pool.acquire().await?).await,
        }
    }

    /// Begins to write.
    pub(super) async fn begin(&self) -> Result<Transaction, StoreError> {
        match self {
            Self::Sqlite(file) => Ok(Transaction::Sqlite(sqlite::Transaction::begin(file)?)),
            Self::Postgres(pool) => Ok(Transaction::Postgres(pool.begin().await?)),
        }
    }

    /// Closes all connections.
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(file) => file.close(),
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

impl Transaction {
    /// Runs statements whose rows nobody wants.
    pub(super) async fn run(&mut self, statements: Vec<Statement>) -> Result<(), StoreError> {
        for statement in statements {
            self.rows(statement).await?;
        }
        Ok(())
    }

    /// Makes everything durable.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(transaction) => Ok(transaction.commit()?),
            Self::Postgres(transaction) => Ok(transaction.commit().await?),
        }
    }

    /// Takes everything back.
    pub(super) async fn roll_back(self) {
        match self {
            Self::Sqlite(transaction) => drop(transaction),
            Self::Postgres(transaction) => {
                // A connection that is gone has rolled back by itself.
                let _ = transaction.rollback().await;
            }
        }
    }
}

impl Reads for Transaction {
    async fn rows(&mut self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        let statement = statement.checked()?;
        match self {
            Self::Sqlite(transaction) => Ok(transaction.rows(&statement)?),
            Self::Postgres(transaction) => postgres::rows(statement, transaction).await,
        }
    }
}

impl<R: Reads> Reads for &mut R {
    async fn rows(&mut self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        R::rows(self, statement).await
    }
}
