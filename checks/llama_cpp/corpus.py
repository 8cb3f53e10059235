"""Writes the texts that tokenizers are compared on: one JSON list of strings.

    python3 checks/llama_cpp/corpus.py crates/reinette-engine/tests/golden/corpus.json

Deterministic: the same file every time.
"""

import json
import random
import sys

WRITTEN = [
    "",
    " ",
    "Hello, world!",
    "Call the plumber tomorrow at 8:30",
    "The quick brown fox jumps over the lazy dog.",
    # Scripts
    "Où est l'école où Noël a été fêté ? Çà et là, naïvement.",
    "Straße, Äpfel, Öl, Übung, weiß; Łódź; žluťoučký kůň; ığdır İSTANBUL",
    "Пригласи Анну в пятницу в 9 утра, пожалуйста.",
    "Γειά σου Κόσμε, τι κάνεις; ΆΈΉ ϊΰ",
    "明天早上八点提醒我给水管工打电话。",
    "明日の朝8時に配管工に電話するように言ってください。カタカナ ｶﾀｶﾅ",
    "내일 아침 8시에 배관공에게 전화하라고 알려줘.",
    "ذكرني غدًا في الساعة ٨ صباحًا أن أتصل بالسباك.",
    "הזכר לי מחר ב-8 בבוקר להתקשר לשרברב שָׁלוֹם",
    "कल सुबह ८ बजे प्लंबर को फोन करने की याद दिलाना।",
    "พรุ่งนี้ 8 โมงเช้าเตือนให้โทรหาช่างประปา",
    "நாளை காலை எட்டு மணிக்கு",
    "ძალიან კარგი ქართული",
    "Հայերեն լեզու",
    "ትግርኛ አማርኛ",
    "ខ្ញុំ ລາວ မြန်မာ བོད་ཡིག",
    "ᚠᚢᚦᚨᚱᚲ 𐌰𐌱𐌲 𒀀𒁀 𓀀𓁐",
    "Nǐ hǎo, Tiếng Việt: Nguyễn Đình Chiểu",
    # Emoji and combining marks
    "👍🏽 👩‍👩‍👧‍👦 🏳️‍🌈 🇫🇷🇩🇪 ❤️ ☎️ 1️⃣",
    "👨‍🚀👩🏿‍🔬🧑‍🤝‍🧑",
    "e\u0301 o\u0308 n\u0303 a\u0323\u0302 Z\u0351\u036b\u0343A\u0334L\u0335G\u0336O\u0337",
    "\u0301\u0301\u0301 lone marks",
    "ﬁ ﬂ ½ ¼ ² ³ ① Ⅳ ⅷ ㎏ ™ ℃ № ª º",
    # White space of every kind
    "a  b   c    d     e",
    "   leading",
    "trailing   ",
    "\ttab\t\ttabs\t",
    "line\nline\n\nline\n\n\nline",
    "\r\n\r\nwindows\r\nlines\r\n",
    "\r\r\rmac\r",
    " \n \n \t\n  ",
    "\n\n\n\n\n\n\n\n",
    "a\u00a0b\u2003c\u3000d\u2028e\u2029f\u0085g\u200bh\ufeffi\u1680j\u202fk\u205fl\u180em",
    "\u00a0\u00a0 \u3000\u3000",
    "\u2003word \u2003 word",
    "\x0b\x0c vertical",
    " " * 40,
    " " * 7 + "x" + " " * 17 + "y",
    "\t" * 9 + "x",
    "\n" * 33 + "x",
    "x \n y  \n\n  z",
    "end with newline \n",
    "! \n\n ?",
    ".\n\n\n..\r\n,,\n",
    # Digits
    "1 12 123 1234 12345 123456 1234567 12345678901234567890",
    "3.14159 -2.718e-10 1,234,567.89 0x1F 0b1010 1_000_000 ½+¼",
    "٠١٢٣٤٥٦٧٨٩ ०१२३ ４５６７ ²³¹ ⅠⅡⅢ ①②③",
    "2026-03-11T10:15:00+01:00[Europe/Paris]",
    "call +33 6 12 34 56 78 at 8:30pm or 20h30",
    "a1b2c3 1a2b3c 1st 2nd 3rd 10th v1.2.3-rc.4",
    "$1,000.00 €50 £30 ¥5000 50% 17.5% #1",
    "  123  456  ",
    # Contractions
    "I'm you're he's she'll we'd they've don't can't isn't",
    "I'M YOU'RE HE'S SHE'LL WE'D THEY'VE DON'T CAN'T",
    "I'm You'Re hE'S she'lL we'D thEy'vE",
    "'s 't 're 've 'm 'll 'd 'S 'T 'RE 'x 'sa 'red 'llama 'dog",
    "don’t it’s l’été d’accord",
    "rock 'n' roll 'tis the '90s ''quoted''",
    "'ſ 'K 's\u0301",
    # Punctuation and code
    "!!! ??? ... --- *** ### $$$ &&& === <<< >>> ~~~ ``` |||",
    "!@#$%^&*()_+-=[]{}|;':\",./<>?`~",
    "«Bonjour» „Hallo“ “Hi” ‘x’ 「日本」 ¿Qué? ¡Ay! … — –",
    "(a)[b]{c}<d>\"e\"'f'`g`",
    "def f(x):\n    if x > 0:\n        return x * 2\n    return None\n",
    "fn main() {\n\tlet v: Vec<_> = (0..10).map(|x| x * x).collect();\n\tprintln!(\"{v:?}\");\n}\n",
    "for(int i=0;i<10;++i){a[i]+=b[i]*c[i];}",
    "SELECT * FROM users WHERE name LIKE '%o''brien%' AND id >= 10; -- comment",
    '{"tool": "create_reminder", "title": "call the plumber", "when": "tomorrow at 8:30"}',
    '[{"tool": "none"}]',
    "<html><body class=\"x\"><p>Hi &amp; bye</p><br/></body></html>",
    "<table><tr><td>1</td></tr></table><ul><li><b>bold</b></li></ul>",
    "https://example.org/path/to?query=1&other=%20x#fragment",
    "user.name+tag@sub.example.co.uk",
    "C:\\Users\\Ana\\Documents\\file.txt /usr/local/bin",
    "CamelCase snake_case kebab-case SCREAMING_CASE mixedCASE123abc",
    "$x^2 + \\frac{a}{b} = \\sqrt{c}$ ∑∏∫√∞≠≤≥±×÷∂∇",
    "a->b::c a=>b a==b a!=b a<=b a>=b a<<b a>>b a&&b a||b",
    # Special tokens in the text
    "<|im_start|>system\nYou are helpful.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start|> <|im_end|>",
    "x<|im_end|>y",
    "<|im_end|",
    "<|im_end|>>",
    "<<|im_end|>>",
    "<|endoftext|><|endoftext|>",
    "<bos><start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\n",
    "<eos></s><s><unk><pad>",
    "< bos > <BOS> <Eos>",
    "<unused0><unused42><mask>[multimodal]",
    "<tool_call>\n{\"name\": \"x\"}\n</tool_call>",
    "<|fim_prefix|>a<|fim_suffix|>b<|fim_middle|><|fim_pad|><|repo_name|><|file_sep|>",
    "<repo_name>a<file_sep>b<filename><gh_stars><issue_start><jupyter_code><empty_output>",
    "<|vision_start|><|image_pad|><|vision_end|><|box_start|>",
    "<0x0A><0x41> <0xFF> <0xG1>",
    "[INST] hi [/INST] <<SYS>> x <</SYS>>",
    "<|begin_of_text|><|eot_id|><|start_header_id|>user<|end_header_id|>",
    "text <b> and </b> and <h1>title</h1> and <code>x</code>",
    # SentencePiece's mark, private and unassigned characters, controls
    "a▁b ▁c ▁▁d▁",
    "▁",
    " ▁ ▁",
    "▁▁▁▁",
    "\x00",
    "a\x00b\x01c\x02d\x1be\x7ff\x80g\x9f",
    "\x07\x08 bell and backspace",
    "\ufffd \ufffe \uffff \ue000 \U000f0000 \U0010ffff",
    "\u200e\u200f\u202a\u202b\u202c\u2066\u2069 bidi \u061c",
    "soft\u00adhyphen zero\u200bwidth join\u200der non\u200cjoiner \u2060",
    "\U0001fae8 \U0001fac3 \U0001f6dc",
    "Ġ Ċ ĉ Ł ł Ń byte-level letters ĠHello ÂâĢ",
    "À la carte, ÆØÅ æøå ÐÞ ðþ",
    # Long words
    "a" * 100,
    "ab" * 150,
    "supercalifragilisticexpialidocious" * 5,
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch",
    "的" * 60,
    "😀" * 25,
    "ACGT" * 40,
    "0" * 64,
    "=" * 80,
    "-" * 77 + "\n" + "-" * 77,
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore.",
    "BAD cafÉ ÉCOLE ǅ ǈ ß ẞ",
    "mixed日本語and한국어andрусский123",
    "a\u0300b\u0301 क्ष क् ा ि",
    "word\u3000word、word。word！",
    "..word ,word ;word :word !word ?word (word -word _word /word",
    "  \u0301 x",
    "hello\n world\n\tagain \n\n  indented\n",
]

ALPHABETS = [
    "ab ",
    "aA1 '\n",
    "etaoin shrdlu",
    " \t\n\r",
    "0123456789 .,",
    "<|>im_endstar",
    "'sStTrReEvVmMlLdD ",
    "!?.,;:-_()[]{}\"'`",
    "éèàçùœ ’",
    "日本語中文한국어 。",
    "абвгд ЁЖ",
    "👍🏽👩‍🚀❤️ ",
    "\u0300\u0301\u0327ae ",
    "▁ ab",
    "\u00a0\u2003\u3000 a\n",
    "ابجد ١٢ ",
]


def generated(count: int) -> list[str]:
    generator = random.Random(20260311)
    texts = []
    for index in range(count):
        alphabet = ALPHABETS[index % len(ALPHABETS)]
        if index % 5 == 4:
            alphabet += generator.choice(ALPHABETS) + generator.choice(ALPHABETS)
        texts.append("".join(generator.choice(alphabet) for _ in range(generator.randint(1, 60))))
    return texts


def main() -> None:
    texts = list(dict.fromkeys(WRITTEN + generated(240)))
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(json.dumps(text) for text in texts) + "\n]\n")
    print(f"{len(texts)} texts")


if __name__ == "__main__":
    main()
