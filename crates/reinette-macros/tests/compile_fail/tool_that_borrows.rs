/// The weather in a city.
#[reinette::tool]
async fn weather(city: &str) -> String {
    city.to_owned()
}

fn main() {}
