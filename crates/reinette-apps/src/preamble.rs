//! What a model is told that has not learned the tools: what to do, when no tool is needed, and examples.

use reinette::{CallExample, Example, ExampleCall, Preamble, ToolDefinition};

const INSTRUCTIONS: &str = "You turn the user's words into calls of tools. Answer with a JSON list, one object a call, in the \
     order of the words; several requests give several calls. Copy every value word for word from the user's words, whole \
     expressions of time included. If the user corrects himself, only the correction counts. If the words ask for \
     nothing that a tool does (small talk, questions about the world, writing, feelings, things that happened), \
     answer [{\"tool\": \"none\"}].";

const NO_TOOL: &str =
    "everything else: greetings, small talk, questions about the world or about you, advice, ideas, writing.";

/// Requests that need no tool, shown to a model that has not learned when that is.
const NO_TOOL_EXAMPLES: [&str; 28] = [
    "Hi, nice to meet you!",
    "What is the capital of Peru?",
    "Why do cats purr?",
    "Write me a short poem about autumn.",
    "How could you be of use to somebody?",
    "Had a lovely walk with my brother yesterday.",
    "Comment fait-on les crêpes ?",
    "Give me an idea for a rainy Sunday.",
    "Who invented the telephone?",
    "How long do tortoises live?",
    "Translate \"good luck\" into Italian.",
    "I can't sleep lately, any advice?",
    "Thanks, that's all.",
    "Make this friendlier: send me the file today.",
    "What's the difference between jam and marmalade?",
    "Tu es un robot ?",
    "Help me write a speech for my father's retirement.",
    "Forget what I said.",
    "How do I keep basil alive?",
    "Explique-moi la photosynthèse.",
    "My boss was rude to me.",
    "Which wine goes with fish?",
    "Tell me a story about a dragon.",
    "What should I cook for six people?",
    "Think of a name for my new boat.",
    "How can I ask you to make a note?",
    "Write a few words of thanks to my landlord.",
    "What could I give an aunt who loves trains?",
];

/// Of every so many tools, one is shown together with another: requests come in pairs too.
const PAIR_EVERY: usize = 3;
/// How far apart the tools of such a pair stand.
const PAIR_DISTANCE: usize = 7;

/// The preamble of these tools: their own examples, some in pairs, and between them words that need no tool, lest what comes
/// last weighs more.
pub(crate) fn preamble(tools: &[ToolDefinition]) -> Preamble {
    let single = |tool: &ToolDefinition, example: &CallExample| Example {
        words: example.words.clone(),
        calls: vec![ExampleCall { tool: tool.name.clone(), arguments: example.arguments.clone() }],
    };
    let first = |tool: &ToolDefinition| Some(single(tool, tool.examples.first()?));
    let mut no_tool = NO_TOOL_EXAMPLES.iter().map(|words| Example { words: (*words).to_owned(), calls: Vec::new() });
    let mut examples = Vec::new();
    for (place, tool) in tools.iter().enumerate() {
        examples.extend(tool.examples.iter().map(|example| single(tool, example)));
        if place % PAIR_EVERY == PAIR_EVERY - 1 {
            let other = &tools[(place + PAIR_DISTANCE) % tools.len()];
            if let (Some(one), Some(other)) = (first(tool), first(other)) {
                let words = format!("{}, and {}", one.words, other.words);
                examples.push(Example { words, calls: [one.calls, other.calls].concat() });
            }
        }
        examples.extend(no_tool.next());
    }
    examples.extend(no_tool);
    Preamble { instructions: INSTRUCTIONS.to_owned(), no_tool: NO_TOOL.to_owned(), examples }
}
