//! A typed answer, streamed as it grows: `trip [WORDS]`, with the model of this machine.

#![expect(clippy::print_stdout, reason = "the trip is what it is for")]

use futures_lite::future::block_on;
use reinette::{Generable, Session, SystemModel};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize, Generable)]
struct Trip {
    /// one line, no city name
    #[guide(length = 1..=60)]
    title: String,
    #[guide(range = 1..=5)]
    days: u8,
    /// places to see
    #[guide(count = 1..=4, element(length = 1..=40))]
    stops: Vec<String>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words = std::env::args().nth(1).unwrap_or_else(|| "Three days in Lyon with a child".to_owned());
    block_on(async {
        let model = SystemModel::default().await?;
        let session = Session::new(&model).instructions("You plan trips.");
        let mut trips = session.stream_as::<Trip>(words);
        while let Some(snapshot) = trips.next().await {
            println!("{:?}", snapshot?);
        }
        Ok(())
    })
}
