/// The weather in a city.
#[reinette::tool]
async fn weather<T: ToString>(city: T) -> String {
    city.to_string()
}

fn main() {}
