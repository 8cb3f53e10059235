#[reinette::tool]
async fn weather(city: String) -> String {
    city
}

fn main() {}
