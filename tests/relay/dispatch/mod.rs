//! What becomes of deliveries, seen from the destination and in the tables.

mod attempts;
mod ends;
mod fairness;
mod leases;
mod limits;
mod order;
mod retries;
