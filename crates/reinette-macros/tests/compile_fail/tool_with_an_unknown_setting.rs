/// The weather in a city.
#[reinette::tool(retries = 3)]
async fn weather(city: String) -> String {
    city
}

fn main() {}
