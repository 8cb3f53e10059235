/// The weather in a city.
#[reinette::tool]
async fn weather(#[guide(range = 5..=1)] days: u8) -> String {
    days.to_string()
}

fn main() {}
