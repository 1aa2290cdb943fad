//! Whole rows as parameters: values of the composite types that the schema declares.

use sqlx::postgres::types::PgRecordEncoder;

use crate::store::BoxError;

/// A value of a composite type.
pub(super) trait Row {
    /// Writes the fields, in the order of the type.
    fn write(&self, row: &mut PgRecordEncoder<'_>) -> Result<(), BoxError>;
}

/// Makes a [`Row`] a parameter, alone and in arrays, under the name of its type.
macro_rules! row_type {
    ($row:ty, $name:literal) => {
        impl sqlx::Type<sqlx::Postgres> for $row {
            fn type_info() -> sqlx::postgres::PgTypeInfo {
                sqlx::postgres::PgTypeInfo::with_name($name)
            }
        }

        impl sqlx::postgres::PgHasArrayType for $row {
            fn array_type_info() -> sqlx::postgres::PgTypeInfo {
                sqlx::postgres::PgTypeInfo::array_of($name)
            }
        }

        impl<'q> sqlx::Encode<'q, sqlx::Postgres> for $row {
            fn encode_by_ref(
                &self,
                buffer: &mut sqlx::postgres::PgArgumentBuffer,
            ) -> Result<sqlx::encode::IsNull, crate::store::BoxError> {
                let mut row = sqlx::postgres::types::PgRecordEncoder::new(buffer);
                $crate::store::postgres::row::Row::write(self, &mut row)?;
                row.finish();
                Ok(sqlx::encode::IsNull::No)
            }
        }
    };
}

pub(super) use row_type;
