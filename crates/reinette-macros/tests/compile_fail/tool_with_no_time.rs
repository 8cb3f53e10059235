/// The weather in a city.
#[reinette::tool(timeout_seconds = 0)]
async fn weather(city: String) -> String {
    city
}

fn main() {}
