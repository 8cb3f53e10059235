use super::*;

fn render(source: &str) -> Result<String, TemplateError> {
    ChatTemplate::from_source(source)?.render(&RenderInput::default())
}

#[test]
fn a_refusal_is_told_from_a_failure() {
    assert_eq!(
        render("{{ raise_exception('roles must alternate') }}"),
        Err(TemplateError::Refused("roles must alternate".into()))
    );
    assert!(matches!(render("{{ nothing.at.all }}"), Err(TemplateError::Render(_))));
    assert!(matches!(render("{% if %}"), Err(TemplateError::Syntax(_))));
}

#[test]
fn json_is_as_python_writes_it() {
    assert_eq!(
        render(r#"{{ {"a": [1, 2.5, none, true], "b<&>'é": "\n\"\\"} | tojson }}"#).unwrap(),
        r#"{"a": [1, 2.5, null, true], "b<&>'é": "\n\"\\"}"#
    );
    assert_eq!(
        render(r#"{{ {"a": [1], "b": {}} | tojson(indent=2) }}"#).unwrap(),
        "{\n  \"a\": [\n    1\n  ],\n  \"b\": {}\n}"
    );
}

#[test]
fn the_clock_is_the_one_passed_in() {
    let template =
        ChatTemplate::from_source("{% if strftime_now is defined %}{{ strftime_now('%d %B %Y') }}{% endif %}");
    let template = template.unwrap();
    let now = Some(jiff::civil::date(2026, 3, 11).at(10, 15, 0, 0));
    assert_eq!(template.render(&RenderInput { now, ..RenderInput::default() }).unwrap(), "11 March 2026");
    assert_eq!(template.render(&RenderInput::default()).unwrap(), "");
}

#[test]
fn python_methods_work() {
    assert_eq!(render("{{ ' a-b '.strip().split('-')[1].upper() }}").unwrap(), "B");
    assert_eq!(render("{{ 'a.b.c'.replace('.', '/') }}").unwrap(), "a/b/c");
    assert_eq!(render("{% for k, v in {'x': 1}.items() %}{{ k }}={{ v }}{% endfor %}").unwrap(), "x=1");
    assert_eq!(render("{{ ', '.join(['a', 'b']) }}").unwrap(), "a, b");
}

#[test]
fn hostile_templates_run_out_of_budget() {
    let doubling = "{% set s = namespace(v='aaaaaaaa') %}{% for i in range(60) %}{% set s.v = s.v + s.v %}{% endfor %}";
    let endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}x{% endfor %}{% endfor %}{% endfor %}";
    let replacing = "{% set s = 'a' * 1000000 %}{{ s.replace('a', s) }}";
    let recursive = "{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}";
    let nested =
        "{% set s = namespace(v=[]) %}{% for i in range(100000) %}{% set s.v = [s.v] %}{% endfor %}{{ s.v | tojson }}";
    let shared =
        "{% set s = namespace(v=[1]) %}{% for i in range(60) %}{% set s.v = [s.v, s.v] %}{% endfor %}{{ s.v == s.v }}";
    for source in [doubling, endless, replacing, recursive, nested, shared, "{{ 'a' * 9999999999 }}"] {
        assert!(matches!(render(source), Err(TemplateError::Render(_))), "{source}");
    }
    assert!(matches!(render(&"a".repeat(MAX_SOURCE_BYTES + 1)), Err(TemplateError::TooLarge { .. })));
}

#[test]
fn what_is_wider_than_the_budget_is_not_written() {
    for source in [
        "{{ 'a'.zfill(99999999999) }}",
        "{{ 'a'.center(9999999999, 'xx') }}",
        "{{ 'a' | center(99999999999) }}",
        "{{ '{:>9999999999}'.format(1) }}",
        "{{ '%9999999999d' % 1 }}",
        "{{ '%*d' % (999999999, 1) }}",
        "{{ ('{0}' * 20000).format('a' * 100000) }}",
        "{{ ('%(a)s' * 20000) % {'a': 'a' * 100000} }}",
        "{{ ('{0}' * 20000).format([1] * 10000) }}",
        "{{ 'a' | indent(999999999, true) }}",
        "{{ ('\t' * 1000).expandtabs(99999999) }}",
        "{{ [1] | tojson(indent=99999999) }}",
        "{{ ('ab' * 100000).join(['x'] * 1000) }}",
    ] {
        assert!(matches!(render(source), Err(TemplateError::Render(_))), "{source}");
    }
}

#[test]
fn a_namespace_cannot_contain_itself() {
    let make = "{% set ns = namespace(a=1) %}";
    for misuse in [
        "{% set ns.a = ns %}",
        "{%-set ns.a=ns-%}",
        "{% set ns.a = [ns.b, ns] %}{{ ns.a == ns.a }}",
        "{% set other = ns %}{% set other.x = (1, {'k': ns}) %}",
        "{% set (ns.x, y) = (ns, 1) %}",
        "{% set x, ns.y = 1, ns %}",
        "{% set ns.m = {ns: 1} %}",
        "{% macro m(x) %}{% set ns.a = x %}{% endmacro %}{{ m(ns) }}",
        "{% set b = namespace(c=ns) %}{% set ns.b = b %}",
        "{% for n in [1, 2, ns] %}{% set ns.l = loop %}{% endfor %}",
        "{% set ns.x = ([1] | batch(1)) + ([ns] | reverse) %}",
        "{{ '{% raw %}' }}{% set ns.a = ns %}{{ '{% endraw %}' }}",
        "{# {% raw %} #}{% set ns.a = ns %}{# {% endraw %} #}",
        "{% raw -%}{% endraw %}{% set ns.x = '%}' and ns %}",
        "{%raw%}{{ '{%endraw%}{% set ns.x = ns %}{{ ns }}{#'#}",
    ] {
        let result = render(&format!("{make}{misuse}{{{{ ns }}}}"));
        assert!(matches!(result, Err(TemplateError::Render(_))), "{misuse}: {result:?}");
    }
    for (use_, expected) in [
        ("{% set ns.x = ns.items() %}", "{'a': 1, 'x': [('a', 1)]}"),
        ("{% set ns.x = [ns.items()] %}", "{'a': 1, 'x': [[('a', 1)]]}"),
        ("{% set b = namespace(x=ns.items()) %}{% set ns.b = b %}", "{'a': 1, 'b': {'x': [('a', 1)]}}"),
        ("{% set c = cycler(ns, 1) %}{% set ns.c = c %}", "{'a': 1, 'c': <cycler>}"),
        ("{% macro q() %}{{ ns }}{% endmacro %}{% set ns.q = q %}", "{'a': 1, 'q': <macro q>}"),
    ] {
        assert_eq!(render(&format!("{make}{use_}{{{{ ns }}}}")).unwrap(), expected, "{use_}");
    }
}

#[test]
fn only_code_is_rewritten() {
    for text in
        ["a % b {% raw %}{% generation %}{{ 1 % 2 }}{% endraw %}", "{{ '{% generation %} 5 % 3' }}", "{# 7 % 2 #}5 % 3"]
    {
        assert_eq!(rewrite::rewritten(text), text);
    }
    let lines = "{% set ns.a =\n 1 %}\n{{ 1 %\n 2 }}";
    assert_eq!(rewrite::rewritten(lines).lines().count(), lines.lines().count());
}
