/// The weather in a city.
#[reinette::tool]
fn weather(city: String) -> String {
    city
}

fn main() {}
